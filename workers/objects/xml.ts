// As much XML as a store's answers need. Our own, because minio-js reads numbers where it can: it lists a key `0123` as `123`, `0x1F` as
// `31`, `0` as nothing (measured), and a tag `007` as 7.
// S3's answers have no CDATA, no comments, and no element inside another of the same name.

/** The contents of every element of this name, undecoded, in document order. */
export function childrenOf(xml: string, name: string): string[] {
  const found: string[] = [];
  const end = `</${name}>`;
  const begin = new RegExp(`<${name}(?:\\s[^>]*)?/?>`, 'g');
  for (let match = begin.exec(xml); match !== null; match = begin.exec(xml)) {
    if (match[0].endsWith('/>')) {
      found.push('');
      continue;
    }
    const from = begin.lastIndex;
    const to = xml.indexOf(end, from);
    if (to === -1) break;
    found.push(xml.slice(from, to));
    begin.lastIndex = to + end.length;
  }
  return found;
}

/** The elements that a content consists of, whole; null where it has anything else beside them. */
export function elementsOf(content: string): { readonly name: string; readonly xml: string }[] | null {
  const elements: { name: string; xml: string }[] = [];
  const begin = /\s*<([A-Za-z]+)(?:\s[^>]*)?\/?>/y;
  while (content.slice(begin.lastIndex).trim() !== '') {
    const from = begin.lastIndex;
    const match = begin.exec(content);
    const name = match?.[1];
    if (match === null || name === undefined) return null;
    if (!match[0].endsWith('/>')) {
      const end = `</${name}>`;
      const to = content.indexOf(end, begin.lastIndex);
      if (to === -1) return null;
      begin.lastIndex = to + end.length;
    }
    elements.push({ name, xml: content.slice(from, begin.lastIndex).trim() });
  }
  return elements;
}

/** The decoded text of the first element of this name; null where there is none. */
export function textOf(xml: string, name: string): string | null {
  const start = xml.indexOf(`<${name}>`);
  if (start === -1) return xml.includes(`<${name}/>`) ? '' : null;
  const from = start + name.length + 2;
  const to = xml.indexOf(`</${name}>`, from);
  return to === -1 ? null : decodeXml(xml.slice(from, to));
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(amp|lt|gt|quot|apos));/gi,
    (_whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      return NAMED[(name ?? '').toLowerCase()] ?? '';
    },
  );
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
