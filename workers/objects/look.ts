// Sees what an object is now: present with its version, gone from a bucket whose tag is told, or a source in trouble.
import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectRef } from '../model/object-ref.ts';
import { hashUserMetadata, type ObjectVersion } from '../model/object-version.ts';
import type { Sighting } from '../model/sighting.ts';
import { AppError, isAppError } from '../platform/errors.ts';
import { errorOf, type Store, type StoreAnswer, storeCodeOf } from './signed-request.ts';

/**
 * A bare HEAD: minio-js hides whether key or bucket is missing. `freshTag` must answer from a read that begins after it was called.
 * Rejects as `Store.send` and `errorOf` do.
 */
export async function look(
  store: Store,
  ref: ObjectRef,
  freshTag: (bucket: string) => Promise<string | null>,
): Promise<Sighting> {
  const { bucket, key } = ref;
  const head = await store.send({ method: 'HEAD', bucket, key });
  if (head.status === 200) return { kind: 'present', version: versionOf(head) };
  const answer = storeCodeOf(head) === null && head.status !== 403 ? await askWithBody(store, ref) : head;
  const code = storeCodeOf(answer);
  if (code === 'NoSuchBucket') return { kind: 'trouble', code: 'NO_SUCH_BUCKET' };
  if (answer.status === 403) return { kind: 'trouble', code: 'ACCESS_DENIED' };
  // Also where the newest version is a delete marker (measured).
  if (answer.status !== 404 || code !== 'NoSuchKey') throw errorOf(answer, `look at ${bucket}/${key}`);
  try {
    return { kind: 'gone', sourceTag: await freshTag(bucket) };
  } catch (error) {
    // A bucket whose tag we may not read is not proven.
    if (isAppError(error, 'ACCESS_DENIED')) return { kind: 'trouble', code: 'ACCESS_DENIED' };
    throw error;
  }
}

/** A HEAD's answer has no body. Where no header tells the reason either, a GET does; one byte is asked for, should the object be there by now. */
async function askWithBody(store: Store, { bucket, key }: ObjectRef): Promise<StoreAnswer> {
  const answer = await store.send({ method: 'GET', bucket, key, headers: { range: 'bytes=0-0' } });
  // 416: an empty object has no first byte.
  if (answer.status >= 300 && answer.status !== 416) return answer;
  // It came between our two questions: whoever asked asks again.
  throw new AppError('STORE_UNAVAILABLE', 'the store answered two questions about one object differently', {
    disposition: 'retry',
    details: { status: answer.status },
  });
}

const USER_METADATA = 'x-amz-meta-';

function versionOf(answer: StoreAnswer): ObjectVersion {
  const { headers } = answer;
  const etag = headers.etag;
  const modifiedAtMs = Date.parse(headers['last-modified'] ?? '');
  const sizeBytes = Number(headers['content-length']);
  if (etag === undefined || Number.isNaN(modifiedAtMs) || !Number.isSafeInteger(sizeBytes)) {
    throw errorOf(answer, 'an answer without etag, time or size');
  }
  const versionId = headers['x-amz-version-id'];
  return {
    etag: unquoted(etag),
    versionId: typeof versionId === 'string' ? versionId : null,
    modifiedAtS: Math.floor(modifiedAtMs / 1000),
    contentType: headers['content-type'] ?? '',
    userMetadataHash: hashUserMetadata(userMetadataOf(headers)),
    sizeBytes,
  };
}

/** Values as Node reads them: bytes above ASCII come as Latin-1, repeated headers joined. Never shown, only compared with themselves. */
function userMetadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith(USER_METADATA)) metadata[name.slice(USER_METADATA.length)] = String(headers[name]);
  }
  return metadata;
}

export function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1');
}
