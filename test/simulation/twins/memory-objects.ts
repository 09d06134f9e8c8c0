// The object store in memory: buckets with their tag, objects with their versions, and downloads that ask for one etag.
import { createHash } from 'node:crypto';
import { compareKeys, type ObjectRef } from '../../../workers/model/object-ref.ts';
import { hashUserMetadata, type ListedObject, type ObjectVersion } from '../../../workers/model/object-version.ts';
import { AppError } from '../../../workers/platform/errors.ts';
import type { Download, Objects, Sighting } from '../../../workers/pipeline/ports.ts';
import type { Suspend, Sync } from './sync.ts';

export interface PutOptions {
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoredObject {
  readonly version: ObjectVersion;
  readonly body: string;
}

export type Fetched =
  | { readonly status: 200; readonly body: string; readonly etag: string }
  | { readonly status: 404 | 412; readonly body: '' };

export interface MemoryObjects {
  /** HEAD alone: a look that finds nothing asks for the tag as a second step. */
  head(ref: ObjectRef): ObjectVersion | 'gone' | 'NO_SUCH_BUCKET';
  readonly store: Sync<Pick<Objects, 'download' | 'sourceTag'>>;
  list(bucket: string, prefix: string): ListedObject[];
  readonly fetch: (download: Download) => Fetched;
  /** Makes the bucket if it is missing. */
  put(ref: ObjectRef, body: string, options?: PutOptions): ObjectVersion;
  /** Of a versioned bucket: a delete marker over it. */
  remove(ref: ObjectRef): void;
  /** Of a versioned bucket: the newest entry is gone for good, whatever lay below comes up. False: there was none. */
  uncover(ref: ObjectRef): boolean;
  tag(bucket: string, sourceId: string | null): void;
  setVersioned(bucket: string): void;
  wipeBucket(bucket: string): void;
  current(ref: ObjectRef): StoredObject | null;
}

/** Null in a history is a delete marker. */
interface Bucket {
  tag: string | null;
  versioned: boolean;
  readonly histories: Map<string, (StoredObject | null)[]>;
}

/** `checkEtag` false: a download gives whatever is there, to prove that the simulation would notice. */
export function createMemoryObjects(now: () => number, checkEtag = true): MemoryObjects {
  const buckets = new Map<string, Bucket>();
  let versions = 0;

  function made(name: string): Bucket {
    let bucket = buckets.get(name);
    if (bucket === undefined) buckets.set(name, (bucket = { tag: null, versioned: false, histories: new Map() }));
    return bucket;
  }

  function current({ bucket, key }: Pick<ObjectRef, 'bucket' | 'key'>): StoredObject | null {
    return buckets.get(bucket)?.histories.get(key)?.at(-1) ?? null;
  }

  return {
    current,
    head(ref) {
      if (!buckets.has(ref.bucket)) return 'NO_SUCH_BUCKET';
      return current(ref)?.version ?? 'gone';
    },
    store: {
      download: (ref, { etag, versionId }) => ({
        url: `memory://${JSON.stringify([ref.bucket, ref.key, versionId])}`,
        headers: { 'if-match': etag },
      }),
      sourceTag: (bucket) => buckets.get(bucket)?.tag ?? null,
    },
    list(name, prefix) {
      const bucket = buckets.get(name);
      if (bucket === undefined) throw new AppError('NO_SUCH_BUCKET', `there is no bucket ${name}`);
      return [...bucket.histories.keys()]
        .filter((key) => key.startsWith(prefix))
        .sort(compareKeys)
        .flatMap((key) => {
          const found = current({ bucket: name, key });
          if (found === null) return [];
          const { etag, modifiedAtS, sizeBytes } = found.version;
          return [{ key, etag, modifiedAtS, sizeBytes }];
        });
    },
    fetch({ url, headers }) {
      const [bucket, key, versionId] = JSON.parse(url.slice('memory://'.length)) as [string, string, string | null];
      const history = buckets.get(bucket)?.histories.get(key) ?? [];
      const found =
        versionId === null ? history.at(-1) : history.find((entry) => entry?.version.versionId === versionId);
      if (found == null) return { status: 404, body: '' };
      const { etag } = found.version;
      if (checkEtag && headers['if-match'] !== etag) return { status: 412, body: '' };
      return { status: 200, body: found.body, etag };
    },
    put({ bucket: name, key }, body, { contentType = 'application/octet-stream', metadata = {} } = {}) {
      const bucket = made(name);
      const version: ObjectVersion = {
        etag: createHash('md5').update(body).digest('hex'),
        versionId: bucket.versioned ? `v${++versions}` : null,
        modifiedAtS: Math.floor(now() / 1000),
        contentType,
        userMetadataHash: hashUserMetadata(metadata),
        sizeBytes: Buffer.byteLength(body),
      };
      const before = bucket.versioned ? (bucket.histories.get(key) ?? []) : [];
      bucket.histories.set(key, [...before, { version, body }]);
      return version;
    },
    remove({ bucket: name, key }) {
      const bucket = buckets.get(name);
      const history = bucket?.histories.get(key);
      if (bucket === undefined || history === undefined) return;
      if (bucket.versioned) history.push(null);
      else bucket.histories.delete(key);
    },
    uncover({ bucket, key }) {
      const history = buckets.get(bucket)?.histories.get(key);
      return history !== undefined && history.length > 0 && history.pop() !== undefined;
    },
    tag(bucket, sourceId) {
      made(bucket).tag = sourceId;
    },
    setVersioned(bucket) {
      made(bucket).versioned = true;
    },
    wipeBucket(bucket) {
      buckets.delete(bucket);
    },
  };
}

const PAGE = 2;

/** The port; each request to the store is a step of its own. */
export function objectsPort(memory: MemoryObjects, suspend: Suspend): Objects {
  return {
    async look(ref): Promise<Sighting> {
      const version = await suspend('objects.look', () => memory.head(ref));
      if (version === 'NO_SUCH_BUCKET') return { kind: 'trouble', code: version };
      if (version !== 'gone') return { kind: 'present', version };
      return { kind: 'gone', sourceTag: await suspend('objects.look tag', () => memory.store.sourceTag(ref.bucket)) };
    },
    download: (...args) => suspend('objects.download', () => memory.store.download(...args)),
    sourceTag: (bucket) => suspend('objects.sourceTag', () => memory.store.sourceTag(bucket)),
    async *list(bucket, prefix) {
      for (let after: string | null = null; ; ) {
        const from: string | null = after;
        const page: ListedObject[] = await suspend('objects.list', () =>
          memory
            .list(bucket, prefix)
            .filter(({ key }) => from === null || compareKeys(key, from) > 0)
            .slice(0, PAGE),
        );
        yield* page;
        if (page.length < PAGE) return;
        after = page.at(-1)?.key ?? null;
      }
    },
  };
}
