// The bucket tag `millrace-source`: the random id that proves that a bucket is the one we know, and was not made anew.
import { errorOf, type Store, storeCodeOf } from './signed-request.ts';
import { childrenOf, escapeXml, textOf } from './xml.ts';

export const SOURCE_TAG = 'millrace-source';

/** Null: no such bucket, or no such tag (MinIO answers NoSuchTagSet to both). Rejects with ACCESS_DENIED where it may not be read. */
export async function readSourceTag(store: Store, bucket: string): Promise<string | null> {
  return (await readTags(store, bucket)).get(SOURCE_TAG) ?? null;
}

/** Keeps the user's other tags. Not atomic: S3 has no way to add one tag. */
export async function writeSourceTag(store: Store, bucket: string, sourceId: string): Promise<void> {
  const tags = await readTags(store, bucket);
  tags.set(SOURCE_TAG, sourceId);
  const set = Array.from(
    tags,
    ([key, value]) => `<Tag><Key>${escapeXml(key)}</Key><Value>${escapeXml(value)}</Value></Tag>`,
  );
  const body = `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>${set.join('')}</TagSet></Tagging>`;
  const answer = await store.send({ method: 'PUT', bucket, query: { tagging: '' }, body });
  if (answer.status >= 300) throw errorOf(answer, `write the tag of bucket ${bucket}`);
}

async function readTags(store: Store, bucket: string): Promise<Map<string, string>> {
  const answer = await store.send({ method: 'GET', bucket, query: { tagging: '' } });
  if (answer.status === 200) {
    return new Map(childrenOf(answer.body, 'Tag').map((tag) => [textOf(tag, 'Key') ?? '', textOf(tag, 'Value') ?? '']));
  }
  if (answer.status === 404 && ['NoSuchTagSet', 'NoSuchBucket'].includes(storeCodeOf(answer) ?? '')) return new Map();
  throw errorOf(answer, `read the tags of bucket ${bucket}`);
}
