// Names one object in one store: everything we do, store and say about an object is keyed by this.
import { createHash } from 'node:crypto';

/** `store` is our configured name of the MinIO deployment, never its URL. `key` is the raw S3 key, decoded. */
export interface ObjectRef {
  readonly store: string;
  readonly bucket: string;
  readonly key: string;
}

/** 32 hex digits, equal for equal refs: for message ids and lock names, where a raw key may not go. */
export function refHash({ store, bucket, key }: ObjectRef): string {
  return createHash('sha256').update(`${store}\0${bucket}\0${key}`).digest('hex').slice(0, 32);
}

/** S3 lists and PostgreSQL's COLLATE "C" sorts by UTF-8 bytes; JavaScript's `<` compares UTF-16 units and disagrees above U+FFFF. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `photos/cat.jpg` → bucket and key, as an operator types it. Null where one of them is missing. */
export function parseRef(store: string, path: string): ObjectRef | null {
  const slash = path.indexOf('/');
  if (slash < 1 || slash === path.length - 1) return null;
  return { store, bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}
