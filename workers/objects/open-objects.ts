// The object store as the pipeline sees it.
import type { ObjectRef } from '../model/object-ref.ts';
import type { ListedObject, ObjectVersion } from '../model/object-version.ts';
import type { Download } from '../model/render.ts';
import { presignDownload } from './download.ts';
import { list } from './list.ts';
import type { Sighting } from '../model/sighting.ts';
import { look } from './look.ts';
import { shareRead } from './shared-read.ts';
import { openStore, type StoreConfig } from './signed-request.ts';
import { readSourceTag } from './source-tag.ts';

export interface ObjectStore extends Disposable {
  look(ref: ObjectRef): Promise<Sighting>;
  download(ref: ObjectRef, version: ObjectVersion, expiresS: number): Promise<Download>;
  list(bucket: string, prefix: string, after?: string): AsyncIterable<ListedObject>;
  sourceTag(bucket: string): Promise<string | null>;
}

/** Connects on the first request; disposing breaks off what is under way. Throws BAD_ENDPOINT. */
export function openObjects(config: StoreConfig): ObjectStore {
  const store = openStore(config);
  const tagReads = new Map<string, () => Promise<string | null>>();

  function freshTag(bucket: string): Promise<string | null> {
    let read = tagReads.get(bucket);
    if (read === undefined) {
      read = shareRead(() => readSourceTag(store, bucket));
      tagReads.set(bucket, read);
    }
    return read();
  }

  return {
    look: (ref) => look(store, ref, freshTag),
    download: (ref, version, expiresS) => presignDownload(store, ref, version, expiresS),
    list: (bucket, prefix, after) => list(store, bucket, prefix, after),
    sourceTag: freshTag,
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}
