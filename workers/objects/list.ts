// Streams what a bucket holds, in the order of the keys' UTF-8 bytes, and stops at once where the store's order is another.
import { compareKeys } from '../model/object-ref.ts';
import type { ListedObject } from '../model/object-version.ts';
import { AppError } from '../platform/errors.ts';
import { unquoted } from './look.ts';
import { errorOf, type Store } from './signed-request.ts';
import { childrenOf, textOf } from './xml.ts';

/**
 * From the first key after `after`. Pages of 1,000, each asked for when the one before is used up. Rejects with NO_SUCH_BUCKET, ACCESS_DENIED, LISTING_OUT_OF_ORDER (a
 * merge with the index would then take objects for missing), LISTING_BROKEN, and as `Store.send` does.
 * MinIO does not list what lies below a key that is itself an object (`a/b` beside `a`, measured), though a look finds it.
 */
export async function* list(
  store: Store,
  bucket: string,
  prefix: string,
  after?: string,
): AsyncGenerator<ListedObject, void, undefined> {
  let previous: string | null = null;
  let token: string | null = null;
  do {
    const query: Record<string, string> = { 'list-type': '2', 'encoding-type': 'url', 'max-keys': '1000', prefix };
    if (after !== undefined) query['start-after'] = after;
    if (token !== null) query['continuation-token'] = token;
    const answer = await store.send({ method: 'GET', bucket, query });
    if (answer.status !== 200) throw errorOf(answer, `list bucket ${bucket}`);

    const page = parsePage(answer.body, bucket);
    for (const object of page.objects) {
      if (previous !== null && compareKeys(previous, object.key) >= 0) {
        throw new AppError('LISTING_OUT_OF_ORDER', 'the store does not list keys in the order of their UTF-8 bytes', {
          disposition: 'refuse',
          details: { bucket, previous, key: object.key },
        });
      }
      previous = object.key;
      yield object;
    }
    if (page.nextToken !== null && page.nextToken === token)
      throw new AppError('LISTING_BROKEN', 'a listing goes in circles', { details: { bucket } });
    token = page.nextToken;
  } while (token !== null);
}

interface Page {
  readonly objects: readonly ListedObject[];
  readonly nextToken: string | null;
}

function parsePage(xml: string, bucket: string): Page {
  const broken = (what: string) => new AppError('LISTING_BROKEN', `a listing ${what}`, { details: { bucket } });
  if (!xml.includes('</ListBucketResult>')) throw broken('is no listing, or was cut short');
  const isEscaped = textOf(xml, 'EncodingType') === 'url';
  const objects = childrenOf(xml, 'Contents').map((content) => {
    const told = textOf(content, 'Key');
    const key = told !== null && isEscaped ? unescapeKey(told) : told;
    const etag = textOf(content, 'ETag');
    const modifiedAtMs = Date.parse(textOf(content, 'LastModified') ?? '');
    const sizeBytes = Number(textOf(content, 'Size') ?? Number.NaN);
    if (key === null || etag === null || Number.isNaN(modifiedAtMs) || Number.isNaN(sizeBytes)) {
      throw broken('has an entry without readable key, etag, time or size');
    }
    // Cut, as the store cuts Last-Modified.
    return { key, etag: unquoted(etag), modifiedAtS: Math.floor(modifiedAtMs / 1000), sizeBytes };
  });
  if (textOf(xml, 'IsTruncated') !== 'true') return { objects, nextToken: null };
  const nextToken = textOf(xml, 'NextContinuationToken');
  if (nextToken === null || nextToken === '') throw broken('does not say how it goes on');
  return { objects, nextToken };
}

/** Null where it is not escaped as a query is. */
function unescapeKey(escaped: string): string | null {
  try {
    return decodeURIComponent(escaped.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
