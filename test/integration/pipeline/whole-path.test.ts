// From a PUT by an ordinary S3 client to renditions, row, outcome and what an operator is shown: every kind of object and of change.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CopyDestinationOptions, CopySourceOptions } from 'minio';
import sharp from 'sharp';
import { setDirectory } from '../../../workers/model/rendition-set.ts';
import { STREAMS } from '../../../workers/model/subjects.ts';
import { eventually } from '../../harness/eventually.ts';
import { startWorld, TIER, type World } from '../../faults/harness.ts';
import { picture } from '../../faults/pictures.ts';
import { AWKWARD } from './awkward-keys.ts';
import { millrace, millraceJson } from './cli.ts';

const COLD = 'cold';
/** S3 takes no smaller part but the last. */
const PART_BYTES = 5 * 2 ** 20;
/** Of keys that do not end committed: their state or refusal. */
const except = new Map<string, string>();

let world: World;
let pictures = 1;
const next = () => picture(pictures++);

before(async () => {
  world = await startWorld({
    keeper: false,
    configuration: (own) => ({
      ...own,
      sources: [
        { bucket: 'photos', tier: TIER },
        { bucket: 'photos', prefix: 'cold/', tier: COLD },
        { bucket: 'versions', tier: TIER },
        { bucket: 'partly', prefix: 'in/', tier: TIER },
      ],
      tiers: { [TIER]: {}, [COLD]: {} },
      volumes: [...own.volumes, { path: `${own.volumes[0]?.path}-cold`, tier: COLD }],
      processor: { ...own.processor, lookSlots: 8 },
    }),
  });
  await world.s3.setBucketVersioning('versions', { Status: 'Enabled' });
  await world.keep([TIER]);
  await world.crew.hire(2);
});
after(() => world.stop());

test('a picture put becomes renditions on the volume, a row, an outcome, and what `object show` tells', async () => {
  const { bytes } = await picture(0, 'jpeg', 96);
  const etag = await world.put('photos', 'cats/1.jpg', { bytes, contentType: 'image/jpeg' });
  await world.settled('photos', 'cats/1.jpg');
  const [shown] = (await millraceJson(world, 'object', 'show', 'photos/cats/1.jpg')) as [Shown];
  const [volume] = world.volumes;
  const [row] = await world.sql<{ set_id: string }>(`SELECT set_id FROM millrace.objects WHERE key = 'cats/1.jpg'`);
  const directory = `${volume?.path}/${setDirectory(row?.set_id ?? '')}`;
  const sizeOf = (preset: string) => shown.renditions.find((one) => one.preset === preset)?.bytes ?? 0;
  const rendition = (preset: string, width: number, height: number) => ({
    preset,
    volume: volume?.volumeId,
    path: `${directory}/${preset}.webp`,
    width,
    height,
    bytes: sizeOf(preset),
    format: 'webp',
  });
  const expected = {
    bucket: 'photos',
    key: 'cats/1.jpg',
    state: 'committed',
    etag,
    size: bytes.length,
    contentType: 'image/jpeg',
    width: 96,
    height: 72,
    damaged: false,
    renditions: [rendition('large', 80, 60), rendition('medium', 40, 30), rendition('thumb', 16, 12)],
    refusal: null,
  };
  assert.deepEqual(shown, expected);
  assert.deepEqual(Object.keys(shown), Object.keys(expected), 'in this order');
  for (const { path, width, height, bytes: size } of shown.renditions) {
    const meta = await sharp(path).metadata();
    assert.deepEqual([meta.width, meta.height, meta.format], [width, height, 'webp']);
    assert.ok(size > 0);
  }
});

interface Shown {
  readonly renditions: readonly { preset: string; path: string; width: number; height: number; bytes: number }[];
}

test('`object show` tells what is refused, plain, absent and pending', async () => {
  const text = { bytes: Buffer.from('no picture\n'), contentType: 'image/png' };
  await world.put('photos', 'liar.png', text);
  await world.put('photos', 'notes.txt', { ...text, contentType: 'text/plain' });
  except.set('liar.png', 'NOT_AN_IMAGE').set('notes.txt', 'plain');
  await world.settled('photos', 'liar.png', 'NOT_AN_IMAGE');
  await world.settled('photos', 'notes.txt', 'plain');
  await world.put('partly', 'outside.jpg', await next());
  const show = async (path: string) => {
    const { etag: _, ...rest } = (await millraceJson(world, 'object', 'show', path))[0] as { etag: unknown };
    return rest;
  };
  const nothing = { width: null, height: null, damaged: false, renditions: [], refusal: null };
  const [refused, plain, absent, uncovered] = await Promise.all(
    ['photos/liar.png', 'photos/notes.txt', 'photos/none.jpg', 'partly/outside.jpg'].map(show),
  );
  const message = 'its first bytes are of no image format, though its type or name says so';
  const refusal = { code: 'NOT_AN_IMAGE', message };
  assert.deepEqual(refused, {
    bucket: 'photos',
    key: 'liar.png',
    state: 'refused',
    size: 11,
    contentType: 'image/png',
    ...nothing,
    refusal,
  });
  assert.deepEqual(plain, {
    bucket: 'photos',
    key: 'notes.txt',
    state: 'plain',
    size: 11,
    contentType: 'text/plain',
    ...nothing,
  });
  assert.deepEqual(absent, {
    bucket: 'photos',
    key: 'none.jpg',
    state: 'absent',
    size: null,
    contentType: null,
    ...nothing,
  });
  assert.equal((uncovered as { state: string }).state, 'pending');
  const { code, stderr } = await millrace(world, 'object', 'show', 'no-such-bucket/a.jpg');
  assert.equal(code, 1);
  assert.match(stderr, /NO_SUCH_BUCKET/);
});

test('awkward keys: each is rendered, listed in order, and no difference to a sweep', async () => {
  const keys = AWKWARD.map((name) => `awkward/${name}`);
  assert.ok(keys.some((key) => Buffer.byteLength(key) > 1_000));
  for (const key of keys) await world.put('photos', key, await next());
  for (const key of keys) await world.settled('photos', key);
  // The store drops a leading slash; what it has is what we have.
  await world.put('photos', '/awkward/led by a slash.jpg', await next());
  await world.settled('photos', 'awkward/led by a slash.jpg');

  const listed = (await millraceJson(world, 'object', 'ls', '--bucket', 'photos', '--prefix', 'awkward/')) as {
    key: string;
    state: string;
  }[];
  const inOrder = [...keys, 'awkward/led by a slash.jpg'].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  assert.deepEqual(
    listed.map(({ key }) => key),
    inOrder,
  );
  assert.ok(listed.every(({ state }) => state === 'committed'));
  const shown = await Promise.all(
    ['awkward/a%20b.jpg', 'awkward/new\nline.jpg'].map((key) => millraceJson(world, 'object', 'show', `photos/${key}`)),
  );
  assert.deepEqual(
    shown.map(([one]) => (one as { key: string }).key),
    ['awkward/a%20b.jpg', 'awkward/new\nline.jpg'],
  );
  const [swept] = await millraceJson(world, 'sweep', '--bucket', 'photos', '--prefix', 'awkward/');
  const { missing, stale, gone, uncovered, listed: count } = swept as Record<string, number>;
  assert.deepEqual(
    { missing, stale, gone, uncovered, count },
    { missing: 0, stale: 0, gone: 0, uncovered: 0, count: keys.length + 1 },
  );
});

test('I2, I5: what the store has but does not list, an object below another object, is no removal', async () => {
  const [above, below] = ['above.jpg', 'above.jpg/below.jpg'];
  for (const key of [above, below]) await world.put('photos', key, await next());
  for (const key of [above, below]) await world.settled('photos', key);
  const before = await world.row('photos', below);
  const [swept] = (await millraceJson(world, 'sweep', '--bucket', 'photos', '--prefix', 'above')) as {
    published: number;
  }[];
  await world.quiet();
  assert.deepEqual(await world.row('photos', below), before, `looked at ${swept?.published} times, and left`);
});

test('a versioned bucket: delete marker, restore, and an older version uncovered, which the removals lane hands over', async () => {
  const key = 'versioned.jpg';
  const old = await world.put('versions', key, await next());
  await world.settled('versions', key);
  const young = await world.put('versions', key, await next());
  await world.settled('versions', key);
  const { versionId } = await world.s3.statObject('versions', key);

  await world.s3.removeObject('versions', key);
  await world.settled('versions', key);
  assert.equal(await world.row('versions', key), null);

  await world.s3.removeObject('versions', key, { versionId: await deleteMarkerOf(key) });
  await world.settled('versions', key);
  assert.equal((await world.row('versions', key))?.etag, young);

  await world.s3.removeObject('versions', key, { versionId: versionId ?? '' });
  await world.settled('versions', key);
  assert.equal((await world.row('versions', key))?.etag, old);
});

test('copy and multipart upload', async () => {
  await world.put('photos', 'copied-from.jpg', await next());
  await copy('copied-from.jpg', 'copied.jpg');
  // Noise does not shrink: more than one part.
  const raw = { width: 1_500, height: 1_500, channels: 3 } as const;
  const bytes = await sharp(randomBytes(1_500 * 1_500 * 3), { raw })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const etag = await putInParts('parts.png', bytes, 'image/png');
  assert.match(etag, /-2$/);
  for (const key of ['copied-from.jpg', 'copied.jpg', 'parts.png']) await world.settled('photos', key);
});

test('a change of metadata alone moves the row and keeps the set', async () => {
  const key = 'labelled.jpg';
  await world.put('photos', key, await next());
  await world.settled('photos', key);
  const before = await world.row('photos', key);
  await copy(key, key, { label: 'new' });
  await eventually(async () => (await world.row('photos', key))?.revision !== before?.revision, { timeoutMs: 30_000 });
  await world.settled('photos', key);
  const after = await world.row('photos', key);
  assert.equal(after?.set_id, before?.set_id);
  assert.ok((after?.revision ?? 0) > (before?.revision ?? 0));
});

test('I4: a reader of an object that is overwritten again and again meets whole sets only', async () => {
  const keeper = await world.keep([TIER]);
  const key = 'read.jpg';
  await world.put('photos', key, await next());
  await world.settled('photos', key);
  const written = new AbortController();
  const writes = (async () => {
    for (let left = 6; left > 0; left -= 1) {
      await world.put('photos', key, await next());
      await world.settled('photos', key);
    }
    written.abort();
  })();
  const setsRead = new Set<string>();
  while (!written.signal.aborted) setsRead.add(await readWhole(keeper.url, key));
  await writes;
  assert.ok(setsRead.size > 1, 'it met several sets');
  await keeper.stop();
});

test('I5: what is gone leaves nothing but its attempts', async () => {
  await world.put('photos', 'gone.jpg', await next());
  await world.settled('photos', 'gone.jpg');
  await world.s3.removeObject('photos', 'gone.jpg');
  await world.settled('photos', 'gone.jpg');
  const count = (table: string) =>
    world.sql<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.${table} WHERE key = 'gone.jpg'`);
  await eventually(async () => (await count('sets'))[0]?.n === 0, { what: 'its set to go' });
  assert.deepEqual(await count('objects'), [{ n: 0 }]);
  assert.ok(((await count('attempts'))[0]?.n ?? 0) > 0);
});

test('DESIGN 4: a tier without an open volume waits in its own lane, and goes on when its keeper opens one', async () => {
  await world.put('photos', 'cold/1.jpg', await next());
  await world.put('photos', 'warm/1.jpg', await next());
  await world.settled('photos', 'warm/1.jpg');
  const { manager } = world.nats;
  const lane = () => manager.consumers.info(STREAMS.planned, `planned-${COLD}-urgent`);
  await eventually(async () => (await lane()).num_pending > 0, { what: 'the hand-over' });
  assert.equal((await lane()).num_ack_pending, 0, 'nobody pulls a lane that it cannot serve');
  assert.equal(await world.row('photos', 'cold/1.jpg'), null);
  await world.keep([COLD]);
  await world.settled('photos', 'cold/1.jpg');
});

test('an undecodable message becomes a dead letter with its reason, and holds up nothing', async () => {
  const { seq } = await world.nats.js.publish('events.images.created', 'not JSON');
  await world.put('photos', 'after-it.jpg', await next());
  await world.settled('photos', 'after-it.jpg');
  const letter = await eventually(
    () => world.nats.manager.streams.getMessage(STREAMS.deadLetters, { last_by_subj: '>' }),
    {
      what: 'the dead letter',
    },
  );
  assert.equal(letter.string(), 'not JSON');
  const headers = [...letter.header].flatMap(([name, values]) => values.map((value) => `${name}: ${value}`)).join('\n');
  assert.match(headers, /UNDECODABLE_JSON/);
  assert.match(headers, new RegExp(`\\b${seq}\\b`));
});

test('in the end rows, sets, volumes and outcomes are exact, and every processor ended as it was told to', async () => {
  await world.exact({ except });
  assert.deepEqual(await world.crew.dismiss(), []);
});

async function copy(from: string, to: string, replace?: Record<string, string>): Promise<void> {
  const metadata =
    replace === undefined
      ? {}
      : { MetadataDirective: 'REPLACE' as const, UserMetadata: replace, Headers: { 'Content-Type': 'image/jpeg' } };
  await world.s3.copyObject(
    new CopySourceOptions({ Bucket: 'photos', Object: from }),
    new CopyDestinationOptions({ Bucket: 'photos', Object: to, ...metadata }),
  );
}

/** Resolves with the etag. */
async function putInParts(key: string, bytes: Buffer, contentType: string): Promise<string> {
  const uploadID = await world.s3.initiateNewMultipartUpload('photos', key, { 'Content-Type': contentType });
  const part = async (partNumber: number, from: number, to?: number) => {
    const where = { bucketName: 'photos', objectName: key, uploadID, partNumber, headers: {} };
    return { ...(await world.s3.uploadPart(where, bytes.subarray(from, to))), part: partNumber };
  };
  const parts = [await part(1, 0, PART_BYTES), await part(2, PART_BYTES)];
  return (await world.s3.completeMultipartUpload('photos', key, uploadID, parts)).etag;
}

async function deleteMarkerOf(key: string): Promise<string> {
  const versions = world.s3.listObjects('versions', key, true, { IncludeVersion: true });
  for await (const version of versions as AsyncIterable<{ versionId: string; isDeleteMarker?: boolean }>) {
    if (version.isDeleteMarker === true) return version.versionId;
  }
  throw new Error(`${key} has no delete marker`);
}

/** As readers do: by the row's set, and the row once more where a file is missing. Gives the set's id. */
async function readWhole(url: string, key: string, mayAskAgain = true): Promise<string> {
  const [set] = await world.sql<{ id: string; renditions: { file: string; sha256: string }[] }>(
    'SELECT s.id, s.renditions FROM millrace.objects AS o JOIN millrace.sets AS s ON s.id = o.set_id WHERE o.key = $1',
    [key],
  );
  assert.ok(set, 'the object always has a set');
  for (const { file, sha256 } of set.renditions) {
    const answer = await fetch(`${url}/v1/sets/${set.id}/${file}`);
    const body = Buffer.from(await answer.arrayBuffer());
    if (answer.status === 404 && mayAskAgain) return readWhole(url, key, false);
    assert.equal(answer.status, 200, `${set.id}/${file}`);
    assert.equal(createHash('sha256').update(body).digest('hex'), sha256);
  }
  return set.id;
}
