// What every implementation of the port Objects does, the real one on MinIO and the one in memory alike.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { compareKeys, type ObjectRef } from '../../workers/model/object-ref.ts';
import { hashUserMetadata, type ListedObject, type ObjectVersion } from '../../workers/model/object-version.ts';
import type { Download, Objects } from '../../workers/pipeline/ports.ts';
import { isAppError } from '../../workers/platform/errors.ts';

/** The port, and the hands of a user beside it. */
export interface ObjectsUnderTest {
  readonly objects: Objects;
  /** Makes the bucket if it is missing. */
  put(ref: ObjectRef, body: string, options?: PutOptions): Promise<void>;
  /** Removing what is not there is no error. */
  remove(ref: ObjectRef): Promise<void>;
  /** The bucket is gone with all its objects and its tag. */
  wipeBucket(bucket: string): Promise<void>;
  /** Sets the tag `millrace-source`; makes the bucket if it is missing. */
  tag(bucket: string, sourceId: string): Promise<void>;
  /** What a renderer that follows the download gets: 200 with the bytes, 412 for another etag, 404 for nothing. */
  fetch(download: Download): Promise<{ readonly status: number; readonly body: string }>;
  close(): Promise<void>;
}

export interface PutOptions {
  readonly contentType?: string;
  /** ASCII values. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Keys that some client, encoder or parser has got wrong before. */
const AWKWARD_KEYS: readonly string[] = [
  'a',
  'a-b',
  'a.b',
  'b/c',
  'b-c',
  'space and+plus.jpg',
  'per%cent%2Fescaped%20twice.jpg',
  "punct!*'();:@&=$,?#[]~^`{}|<>.jpg",
  'quote".jpg',
  ' leading and trailing ',
  'é漢.jpg',
  '\u{1f600}.jpg',
  // Above every surrogate in UTF-16 units, below the emoji in UTF-8 bytes.
  '\uffe6.jpg',
  // One character, two spellings: both are keys of their own.
  'e\u0301.jpg',
  'directory/',
  '0',
  '0123',
  '0x1F',
  '1.10',
  '1e5',
  'true',
  '&amp;.jpg',
  `${'long/'.repeat(40)}${'k'.repeat(200)}/${'é'.repeat(127)}/${'x'.repeat(244)}.jpg`,
];

/** Registers the suite; `make` gives an empty store of its own, asked for once. */
export function objectsContract(name: string, make: () => Promise<ObjectsUnderTest>): void {
  describe(`objects: ${name}`, () => {
    let world: ObjectsUnderTest;
    let buckets = 0;
    const store = 'main';
    const freshBucket = () => `contract-${++buckets}`;

    before(async () => {
      world = await make();
    });
    after(() => world.close());

    test('an object that is there is seen with its version', async () => {
      const ref = { store, bucket: freshBucket(), key: 'cat.jpg' };
      await world.put(ref, 'meow', { contentType: 'image/jpeg', metadata: { Owner: 'me', tier: 'gold' } });
      const version = await present(ref);
      assert.equal(version.contentType, 'image/jpeg');
      assert.equal(version.sizeBytes, 4);
      assert.equal(version.versionId, null);
      assert.ok(Number.isInteger(version.modifiedAtS));
      assert.match(version.etag, /^[^"]+$/);
      assert.equal(version.userMetadataHash, hashUserMetadata({ TIER: 'gold', owner: 'me' }));
    });

    test('equal bytes have equal etags, other bytes another, and metadata is no part of it', async () => {
      const ref = { store, bucket: freshBucket(), key: 'cat.jpg' };
      await world.put(ref, 'meow', { contentType: 'image/jpeg' });
      const first = await present(ref);
      await world.put(ref, 'purr', { contentType: 'image/jpeg' });
      const second = await present(ref);
      await world.put(ref, 'meow', { contentType: 'image/png', metadata: { owner: 'me' } });
      const third = await present(ref);
      assert.notEqual(second.etag, first.etag);
      assert.equal(third.etag, first.etag);
      assert.equal(third.contentType, 'image/png');
      assert.notEqual(third.userMetadataHash, first.userMetadataHash);
    });

    test('an empty object has size 0', async () => {
      const ref = { store, bucket: freshBucket(), key: 'empty.jpg' };
      await world.put(ref, '');
      assert.equal((await present(ref)).sizeBytes, 0);
      assert.deepEqual(
        (await listed(ref.bucket)).map(({ sizeBytes }) => sizeBytes),
        [0],
      );
    });

    test('an object that is not there is gone, with the tag its bucket bears', async () => {
      const bucket = freshBucket();
      const ref = { store, bucket, key: 'cat.jpg' };
      await world.put({ ...ref, key: 'another.jpg' }, 'x');
      assert.deepEqual(await world.objects.look(ref), { kind: 'gone', sourceTag: null });
      await world.tag(bucket, 'source-1');
      assert.deepEqual(await world.objects.look(ref), { kind: 'gone', sourceTag: 'source-1' });
    });

    test('a removed object is gone, and comes back when it is put again', async () => {
      const ref = { store, bucket: freshBucket(), key: 'cat.jpg' };
      await world.tag(ref.bucket, 'source-1');
      await world.put(ref, 'meow');
      await world.remove(ref);
      assert.deepEqual(await world.objects.look(ref), { kind: 'gone', sourceTag: 'source-1' });
      await world.remove(ref);
      await world.put(ref, 'meow');
      assert.equal((await present(ref)).sizeBytes, 4);
    });

    test('without its bucket nothing is known about an object', async () => {
      const ref = { store, bucket: freshBucket(), key: 'cat.jpg' };
      const trouble = { kind: 'trouble', code: 'NO_SUCH_BUCKET' };
      assert.deepEqual(await world.objects.look(ref), trouble);
      await world.tag(ref.bucket, 'source-1');
      await world.put(ref, 'meow');
      await world.wipeBucket(ref.bucket);
      assert.deepEqual(await world.objects.look(ref), trouble);
    });

    test('a bucket that was made anew does not bear the old tag (I7)', async () => {
      const ref = { store, bucket: freshBucket(), key: 'cat.jpg' };
      await world.tag(ref.bucket, 'source-1');
      await world.put(ref, 'meow');
      await world.wipeBucket(ref.bucket);
      await world.put({ ...ref, key: 'another.jpg' }, 'x');
      assert.deepEqual(await world.objects.look(ref), { kind: 'gone', sourceTag: null });
      await world.tag(ref.bucket, 'source-2');
      assert.deepEqual(await world.objects.look(ref), { kind: 'gone', sourceTag: 'source-2' });
    });

    test('the tag is null for a bucket that is missing or bears none', async () => {
      const bucket = freshBucket();
      assert.equal(await world.objects.sourceTag(bucket), null);
      await world.put({ store, bucket, key: 'cat.jpg' }, 'meow');
      assert.equal(await world.objects.sourceTag(bucket), null);
      await world.tag(bucket, 'source-1');
      assert.equal(await world.objects.sourceTag(bucket), 'source-1');
    });

    test('awkward keys are looked at, downloaded and listed as themselves, in the order of their bytes', async () => {
      const bucket = freshBucket();
      for (const key of AWKWARD_KEYS)
        await world.put({ store, bucket, key }, key.endsWith('/') ? '' : `bytes of ${key}`);
      for (const key of AWKWARD_KEYS) {
        const ref = { store, bucket, key };
        const version = await present(ref);
        const got = await world.fetch(await world.objects.download(ref, version, 60));
        assert.deepEqual(got, { status: 200, body: key.endsWith('/') ? '' : `bytes of ${key}` });
      }
      const keys = (await listed(bucket)).map(({ key }) => key);
      assert.deepEqual(keys, [...AWKWARD_KEYS].sort(compareKeys));
    });

    test('a listing tells the etag, second and size that a look tells', async () => {
      const bucket = freshBucket();
      for (const key of ['a', 'b', 'c']) await world.put({ store, bucket, key }, key.repeat(3));
      const found = await listed(bucket);
      assert.deepEqual(
        found.map(({ key }) => key),
        ['a', 'b', 'c'],
      );
      for (const { key, etag, modifiedAtS, sizeBytes } of found) {
        const version = await present({ store, bucket, key });
        assert.deepEqual({ etag, modifiedAtS, sizeBytes }, pickListed(version));
      }
    });

    test('a listing has what its prefix begins, read letter by letter', async () => {
      const bucket = freshBucket();
      const keys = ['a+b/1', 'a+b/2', 'a b/1', 'a%2Bb/1', 'a+bc', 'b'];
      for (const key of keys) await world.put({ store, bucket, key }, 'x');
      assert.deepEqual(
        (await listed(bucket, 'a+b')).map(({ key }) => key),
        ['a+b/1', 'a+b/2', 'a+bc'],
      );
      assert.deepEqual(
        (await listed(bucket, 'a+b/')).map(({ key }) => key),
        ['a+b/1', 'a+b/2'],
      );
      assert.deepEqual(
        (await listed(bucket, 'a%2Bb/')).map(({ key }) => key),
        ['a%2Bb/1'],
      );
      assert.deepEqual(await listed(bucket, 'nothing/'), []);
    });

    test('a listing of an empty bucket is empty; one of a missing bucket is an error, never empty', async () => {
      const bucket = freshBucket();
      await assert.rejects(listed(bucket), (error) => isAppError(error, 'NO_SUCH_BUCKET'));
      await world.tag(bucket, 'source-1');
      assert.deepEqual(await listed(bucket), []);
    });

    test('a listing may be left early', async () => {
      const bucket = freshBucket();
      for (const key of ['a', 'b', 'c']) await world.put({ store, bucket, key }, 'x');
      for await (const { key } of world.objects.list(bucket, '')) {
        assert.equal(key, 'a');
        break;
      }
    });

    test('a download gives the bytes of the version seen, or none', async () => {
      const ref = { store, bucket: freshBucket(), key: 'cat.jpg' };
      await world.put(ref, 'meow');
      const download = await world.objects.download(ref, await present(ref), 60);
      assert.deepEqual(await world.fetch(download), { status: 200, body: 'meow' });
      await world.put(ref, 'purr');
      assert.equal((await world.fetch(download)).status, 412);
      await world.put(ref, 'meow');
      assert.deepEqual(await world.fetch(download), { status: 200, body: 'meow' });
      await world.remove(ref);
      assert.equal((await world.fetch(download)).status, 404);
    });

    async function present(ref: ObjectRef): Promise<ObjectVersion> {
      const sighting = await world.objects.look(ref);
      assert.equal(sighting.kind, 'present', `${ref.bucket}/${ref.key}`);
      assert.ok(sighting.kind === 'present');
      return sighting.version;
    }

    async function listed(bucket: string, prefix = ''): Promise<ListedObject[]> {
      return Array.fromAsync(world.objects.list(bucket, prefix));
    }
  });
}

function pickListed({ etag, modifiedAtS, sizeBytes }: ObjectVersion): Omit<ListedObject, 'key'> {
  return { etag, modifiedAtS, sizeBytes };
}
