import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ObjectRef } from '../../../workers/model/object-ref.ts';
import { look } from '../../../workers/objects/look.ts';
import { openObjects } from '../../../workers/objects/open-objects.ts';
import { openStore, type Store } from '../../../workers/objects/signed-request.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { clientOf, type RealStore, startRealStore } from './real-store.ts';

describe('a look at a real MinIO', () => {
  let world: RealStore;
  const ref = (bucket: string, key = 'cat.jpg'): ObjectRef => ({ store: 'main', bucket, key });

  before(async () => {
    world = await startRealStore();
  });
  after(() => world.close());

  async function present(at: ObjectRef) {
    const sighting = await world.objects.look(at);
    assert.ok(sighting.kind === 'present', sighting.kind);
    return sighting.version;
  }

  test('asks for the tag only after the answer that the key is missing', async () => {
    await world.tag('order', 'source-1');
    const steps: string[] = [];
    const spied: Store = {
      ...world.store,
      send: async (request) => {
        const answer = await world.store.send(request);
        steps.push(`${request.method} answered`);
        return answer;
      },
    };
    const freshTag = (bucket: string) => {
      steps.push(`tag of ${bucket} asked`);
      return Promise.resolve('source-1');
    };
    assert.deepEqual(await look(spied, ref('order'), freshTag), { kind: 'gone', sourceTag: 'source-1' });
    assert.deepEqual(steps, ['HEAD answered', 'tag of order asked']);
  });

  test('many objects gone at once each get the tag', async () => {
    await world.tag('many', 'source-1');
    const sightings = await Promise.all(Array.from({ length: 100 }, (_, n) => world.objects.look(ref('many', `${n}`))));
    for (const sighting of sightings) assert.deepEqual(sighting, { kind: 'gone', sourceTag: 'source-1' });
  });

  test('in a bucket with versions: the newest is seen, a delete marker is gone, and without the marker it is back', async () => {
    const bucket = 'versions';
    await world.put(ref(bucket), 'before versioning');
    await world.tag(bucket, 'source-1');
    await world.client.setBucketVersioning(bucket, { Status: 'Enabled' });
    assert.equal((await present(ref(bucket))).versionId, null);

    await world.put(ref(bucket), 'first');
    const first = await present(ref(bucket));
    await world.put(ref(bucket), 'second');
    const second = await present(ref(bucket));
    assert.ok(first.versionId !== null && second.versionId !== null && first.versionId !== second.versionId);

    // Each version by its id, though it is not the newest: what is rendered is what was seen.
    for (const [version, body] of [
      [first, 'first'],
      [second, 'second'],
    ] as const) {
      const download = await world.objects.download(ref(bucket), version, 60);
      assert.deepEqual(await world.fetch(download), { status: 200, body });
    }

    await world.remove(ref(bucket));
    assert.deepEqual(await world.objects.look(ref(bucket)), { kind: 'gone', sourceTag: 'source-1' });
    assert.deepEqual(await Array.fromAsync(world.objects.list(bucket, '')), []);
    const marker = await markerOf(bucket, 'cat.jpg');
    await world.client.removeObject(bucket, 'cat.jpg', { versionId: marker });
    assert.deepEqual(await present(ref(bucket)), second);

    await world.client.setBucketVersioning(bucket, { Status: 'Suspended' });
    await world.put(ref(bucket, 'dog.jpg'), 'suspended');
    assert.equal((await present(ref(bucket, 'dog.jpg'))).versionId, null);
  });

  async function markerOf(bucket: string, key: string): Promise<string> {
    const { body } = await world.store.send({ method: 'GET', bucket, query: { versions: '', prefix: key } });
    const id = /<DeleteMarker>.*?<VersionId>([^<]+)</.exec(body)?.[1];
    assert.ok(id !== undefined, body);
    return id;
  }

  test('an upload in parts has an etag that a download accepts', async () => {
    await world.put(ref('parts', 'another'), 'x');
    const bytes = Buffer.alloc(11 * 1024 * 1024, 'x');
    const inParts = Object.assign(clientOf(world.minio), { partSize: 5 * 1024 * 1024 });
    await inParts.putObject('parts', 'cat.jpg', bytes, bytes.length);
    const version = await present(ref('parts'));
    assert.match(version.etag, /-\d+$/);
    assert.equal((await world.fetch(await world.objects.download(ref('parts'), version, 60))).status, 200);
    assert.deepEqual((await Array.fromAsync(world.objects.list('parts', 'c')))[0]?.etag, version.etag);
  });

  test('user metadata counts, whatever a client wrote into it', async () => {
    const at = ref('metadata');
    const hashes = new Set<string>();
    for (const value of ['a', 'A', 'a, b', '=?UTF-8?Q?=C3=A9?=', 'x'.repeat(1500)]) {
      await world.put(at, 'meow', { metadata: { note: value } });
      const { userMetadataHash } = await present(at);
      assert.equal((await present(at)).userMetadataHash, userMetadataHash);
      hashes.add(userMetadataHash);
    }
    assert.equal(hashes.size, 5);
  });

  test('with wrong keys nothing is known', async () => {
    await world.put(ref('locked'), 'meow');
    for (const wrong of [{ secretKey: 'not-the-secret' }, { accessKey: 'nobody' }]) {
      using objects = openObjects({ ...world.config, ...wrong });
      assert.deepEqual(await objects.look(ref('locked')), { kind: 'trouble', code: 'ACCESS_DENIED' });
      assert.deepEqual(await objects.look(ref('locked', 'nothing')), { kind: 'trouble', code: 'ACCESS_DENIED' });
      await assert.rejects(objects.sourceTag('locked'), (error) => isAppError(error, 'ACCESS_DENIED'));
      await assert.rejects(Array.fromAsync(objects.list('locked', '')), (error) => isAppError(error, 'ACCESS_DENIED'));
    }
  });

  test('a name that no object can have is refused, not taken for gone', async () => {
    await world.put(ref('names'), 'meow');
    for (const key of ['a//b', './a', 'a/../b', 'x'.repeat(900)]) {
      await assert.rejects(
        world.objects.look(ref('names', key)),
        (error) => isAppError(error, 'BAD_OBJECT_NAME') && error.disposition === 'refuse',
        key,
      );
    }
    await assert.rejects(world.objects.look(ref('No_Bucket')), (error) => isAppError(error, 'BAD_BUCKET_NAME'));
  });

  test('a store that restarts in mid-look is unavailable for a while, never anything else, and then seen by the same handle', async () => {
    await world.put(ref('restart'), 'meow');
    await world.tag('restart', 'source-1');
    const wanted = [await world.objects.look(ref('restart')), await world.objects.look(ref('restart', 'nothing'))];
    const restarting = new AbortController();
    let refused = 0;
    const looker = async (at: ObjectRef, expected: unknown) => {
      while (!restarting.signal.aborted) {
        try {
          assert.deepEqual(await world.objects.look(at), expected);
        } catch (error) {
          if (!isAppError(error, 'STORE_UNAVAILABLE')) throw error;
          assert.equal(error.disposition, 'retry');
          refused += 1;
        }
      }
    };
    const lookers = Array.from({ length: 8 }, (_, n) =>
      looker(ref('restart', n % 2 ? 'nothing' : 'cat.jpg'), wanted[n % 2]),
    );
    const restarted = world.minio.restart();
    try {
      await Promise.race([restarted, ...lookers]);
      await eventually(() => world.objects.look(ref('restart')).then(() => true));
    } finally {
      restarting.abort();
      await restarted;
    }
    await Promise.all(lookers);
    assert.ok(refused > 0);
    assert.deepEqual(await world.objects.look(ref('restart')), wanted[0]);
  });

  test('connections that the store closed while they lay idle cost no look', async () => {
    await world.put(ref('idle'), 'meow');
    await Promise.all(Array.from({ length: 8 }, () => present(ref('idle'))));
    await world.minio.restart();
    await world.ready();
    await Promise.all(Array.from({ length: 8 }, () => present(ref('idle'))));
  });

  test('a store that hangs is given up after its time, and seen again when it goes on', async () => {
    using objects = openObjects({ ...world.config, timeoutMs: 200 });
    await world.put(ref('hang'), 'meow');
    assert.equal((await objects.look(ref('hang'))).kind, 'present');
    world.minio.pause();
    try {
      // The signal takes a moment to reach every thread of a busy server.
      await eventually(() =>
        objects.look(ref('hang')).then(
          () => false,
          (error) => isAppError(error, 'STORE_UNAVAILABLE'),
        ),
      );
    } finally {
      world.minio.resume();
    }
    await eventually(async () => (await objects.look(ref('hang'))).kind === 'present');
  });

  test('a disposed handle says so, and breaks off what is under way', async () => {
    const objects = openObjects(world.config);
    const store = openStore(world.config);
    world.minio.pause();
    const underWay = objects.look(ref('hang'));
    try {
      await new Promise(setImmediate);
      objects[Symbol.dispose]();
      objects[Symbol.dispose]();
      await assert.rejects(
        underWay,
        (error) => isAppError(error, 'STORE_UNAVAILABLE') || isAppError(error, 'STORE_CLOSED'),
      );
    } finally {
      world.minio.resume();
    }
    await assert.rejects(objects.look(ref('hang')), (error) => isAppError(error, 'STORE_CLOSED'));
    store[Symbol.dispose]();
  });
});
