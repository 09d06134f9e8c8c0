// How somebody who has no credentials gets exactly the version that was seen, for a while.
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectVersion } from '../model/object-version.ts';
import type { Download } from '../model/render.ts';
import type { Store } from './signed-request.ts';

/** A presigned GET: 200 with the bytes, 412 where the object has other bytes now, 404 where it is gone. `expiresS`: 1 to 604,800. */
export async function presignDownload(
  store: Store,
  ref: ObjectRef,
  version: ObjectVersion,
  expiresS: number,
): Promise<Download> {
  const query = version.versionId === null ? {} : { versionId: version.versionId };
  const url = await store.presign({ method: 'GET', bucket: ref.bucket, key: ref.key, query }, expiresS);
  return { url, headers: { 'if-match': `"${version.etag}"` } };
}
