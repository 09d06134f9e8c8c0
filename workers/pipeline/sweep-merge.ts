// Walks a bucket listing and the index's rows side by side, key by key, in constant memory.
import { compareKeys } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { ListedObject } from '../model/object-version.ts';
import { AppError } from '../platform/errors.ts';

/** At least one of both is there. */
export interface Pair {
  readonly key: string;
  readonly object: ListedObject | null;
  readonly row: ObjectRow | null;
}

/** Both inputs ascend strictly by UTF-8 bytes; else it rejects with `OUT_OF_ORDER`: in another order what is there would look gone. */
export async function* mergeByKey(
  listing: AsyncIterable<ListedObject>,
  rows: AsyncIterable<ObjectRow>,
): AsyncGenerator<Pair, void, undefined> {
  await using objects = cursor(listing, (object) => object.key);
  await using known = cursor(rows, (row) => row.ref.key);
  let object = await objects.next();
  let row = await known.next();
  while (object !== null || row !== null) {
    const order = object === null ? 1 : row === null ? -1 : compareKeys(object.key, row.ref.key);
    const pair = { key: '', object: order <= 0 ? object : null, row: order >= 0 ? row : null };
    yield { ...pair, key: pair.object?.key ?? pair.row?.ref.key ?? '' };
    if (order <= 0) object = await objects.next();
    if (order >= 0) row = await known.next();
  }
}

function cursor<T>(source: AsyncIterable<T>, keyOf: (item: T) => string) {
  const iterator = source[Symbol.asyncIterator]();
  let last: string | null = null;
  return {
    async next(): Promise<T | null> {
      const { done, value } = await iterator.next();
      if (done === true) return null;
      const key = keyOf(value);
      if (last !== null && compareKeys(last, key) >= 0) {
        throw new AppError('OUT_OF_ORDER', 'keys do not ascend by their UTF-8 bytes', {
          disposition: 'fatal',
          details: { last, key },
        });
      }
      last = key;
      return value;
    },
    /** Also when the walk ends early: a listing holds a connection, a row stream a cursor. */
    async [Symbol.asyncDispose](): Promise<void> {
      await iterator.return?.();
    },
  };
}
