// Objects as text for people.
import type { ObjectView } from '../pipeline/object-view.ts';

/** Several lines, names left, values aligned. */
export function humanView(view: ObjectView): string {
  const { bucket, key, state, etag, size, contentType, width, height, damaged, renditions, refusal } = view;
  const facts: (readonly [string, string | null])[] = [
    ['object', `${bucket}/${printable(key)}`],
    ['state', damaged ? `${state}, damaged` : state],
    ['refusal', refusal === null ? null : `${refusal.code}: ${printable(refusal.message)}`],
    ['size', size === null ? null : bytes(size)],
    ['type', contentType === null ? null : printable(contentType)],
    ['picture', width === null || height === null ? null : `${width} × ${height}`],
    ['etag', etag],
  ];
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(10)}${value}`]));
  const table = columns(
    renditions.map((rendition) => [
      rendition.preset,
      `${rendition.width} × ${rendition.height}`,
      rendition.format,
      bytes(rendition.bytes),
      rendition.path ?? `volume ${rendition.volume}, not on this host`,
    ]),
  );
  return [...lines, ...(table.length === 0 ? [] : ['renditions', ...table.map((line) => `  ${line}`)])].join('\n');
}

/** One line: state, size, picture, number of renditions, key. */
export function humanLine({ bucket, key, state, size, width, height, damaged, renditions }: ObjectView): string {
  return [
    (damaged ? `${state}*` : state).padEnd(10),
    (size === null ? '-' : bytes(size)).padStart(10),
    (width === null || height === null ? '-' : `${width} × ${height}`).padStart(14),
    String(renditions.length).padStart(3),
    `${bucket}/${printable(key)}`,
  ].join('  ');
}

export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
  );
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${power === 0 ? count : (count / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** A key may hold anything, a terminal's escape sequences too. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) =>
    character === '\u200d' ? character : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
