// Rows in key order, streamed in pages: memory stays constant, and no transaction stays open however long the reader takes.
import type { ObjectRow, RowState } from '../model/object-row.ts';
import type { Database, Value } from './database.ts';
import { decodeRow, ROW_COLUMNS, type RowColumns } from './row-codec.ts';

export interface RowFilter {
  readonly store: string;
  /** Absent: all buckets, in order. */
  readonly bucket?: string;
  /** Taken literally: `%` and `_` are characters like others. */
  readonly prefix?: string;
  readonly state?: RowState;
  /** With a bucket: only keys after this one. */
  readonly after?: string;
}

const PAGE = 500;

/** By bucket, then key, each by UTF-8 bytes. Each page is read when it is needed, so rows may be of different moments. */
export async function* listRows(
  db: Database,
  filter: RowFilter,
  pageSize = PAGE,
): AsyncGenerator<ObjectRow, void, undefined> {
  let after: ObjectRow | undefined;
  for (;;) {
    const { where, values } = conditions(filter, after);
    // The page is cut before the join: else a plan may read and sort all that is left, for each page again.
    const rows = await db.query<RowColumns>(
      `SELECT ${ROW_COLUMNS}
       FROM (SELECT * FROM millrace.objects AS o WHERE ${where} ORDER BY o.store, o.bucket, o.key LIMIT ${pageSize}) AS o
         LEFT JOIN millrace.sets AS s ON s.id = o.set_id
       ORDER BY o.store, o.bucket, o.key`,
      values,
    );
    for (const row of rows) yield (after = decodeRow(row));
    if (rows.length < pageSize) return;
  }
}

/** How many rows `listRows` would give now. */
export async function countRows(db: Database, filter: RowFilter, except?: RowState): Promise<number> {
  const { where, values } = conditions(filter);
  const and = except === undefined ? '' : `AND o.state <> $${values.length + 1}`;
  const [row] = await db.query<{ rows: number }>(
    `SELECT count(*) AS rows FROM millrace.objects AS o WHERE ${where} ${and}`,
    except === undefined ? values : [...values, except],
  );
  return row?.rows ?? 0;
}

/** Comparisons that the primary key answers: equality from the left, then one range of keys. */
function conditions({ store, bucket, prefix = '', state, after: first }: RowFilter, after?: ObjectRow) {
  const values: Value[] = [];
  const add = (value: Value) => `$${values.push(value)}`;
  const where = [`o.store = ${add(store)}`];
  if (bucket !== undefined) where.push(`o.bucket = ${add(bucket)}`);
  if (after === undefined && bucket !== undefined && first !== undefined) where.push(`o.key > ${add(first)}`);
  if (after !== undefined) {
    const { ref } = after;
    where.push(
      bucket === undefined ? `(o.bucket, o.key) > (${add(ref.bucket)}, ${add(ref.key)})` : `o.key > ${add(ref.key)}`,
    );
  }
  if (prefix !== '') {
    where.push(`o.key >= ${add(prefix)}`);
    const end = afterPrefix(prefix);
    if (end !== null) where.push(`o.key < ${add(end)}`);
  }
  if (state !== undefined) where.push(`o.state = ${add(state)}`);
  return { where: where.join(' AND '), values };
}

/** The first text, by code points (which is by UTF-8 bytes), after all that start with `prefix`; null: there is none. */
export function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    const next = last === 0xd7ff ? 0xe000 : last + 1; // between them are surrogates, no characters
    return String.fromCodePoint(...points, next);
  }
  return null;
}
