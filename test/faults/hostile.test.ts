// Input that lies, breaks or bombs (I8, I6), and a volume that is full (I7).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import type { Keeper } from '../../workers/roles/keeper.ts';
import { eventually } from '../harness/eventually.ts';
import { tempDir } from '../harness/temp-dir.ts';
import { cannotMount, mountTmpfs } from '../integration/volumes/real-volume.ts';
import type { Fault } from './fault.ts';
import { startWorld, TIER, type World } from './harness.ts';
import { picture, type Picture } from './pictures.ts';

const MIB = 2 ** 20;
/** A tier, its bucket and its volume. */
const SMALL = 'small';
const FULL: Fault = { id: 'full', bucket: SMALL, key: 'full.jpg', at: { process: 'renderer', point: 'decoded' } };

let world: World;
let keeper: Keeper;
let volume: string;
const owned = new AsyncDisposableStack();

before(async () => {
  volume = join(owned.use(await tempDir()).path, 'mounted');
  if (cannotMount === false) owned.use(await mountTmpfs(volume, 'size=4m,nr_inodes=4000'));
  world = await startWorld({
    faults: [FULL],
    keeper: false,
    configuration: (own) => ({
      ...own,
      sources: [
        { bucket: 'photos', tier: TIER },
        { bucket: SMALL, tier: SMALL },
      ],
      tiers: { [TIER]: {}, [SMALL]: {} },
      volumes: [...own.volumes, { path: volume, tier: SMALL }],
      keeper: { ...own.keeper, freeFloorMb: 1 },
    }),
  });
  owned.use(world);
  keeper = await world.keep();
  await world.crew.hire(2);
});
after(() => owned.disposeAsync());

/** What becomes of it: a state, or the code of a refusal. */
const OUTCOMES = new Map<string, string>();

async function input(key: string, { bytes, contentType }: Picture, outcome: string): Promise<void> {
  await world.put('photos', key, { bytes, contentType });
  OUTCOMES.set(key, outcome);
}

test('I6, I8: corrupt, truncated, bomb, wrong-extension, empty and text inputs each end as they should', async () => {
  const { bytes: jpeg } = await picture(1, 'jpeg', 400);
  const { bytes: png } = await picture(2, 'png');
  const text = Buffer.from('no picture at all, whatever the name says\n'.repeat(20));
  const noise = randomBytes(4_000);
  const as = (contentType: string, bytes: Buffer): Picture => ({ bytes, contentType });

  await input('corrupt.jpg', as('image/jpeg', Buffer.concat([jpeg.subarray(0, 24), noise])), 'NOT_DECODABLE');
  await input('truncated.jpg', as('image/jpeg', jpeg.subarray(0, jpeg.length - 40)), 'committed');
  await input('bomb.png', as('image/png', bomb(15_000)), 'IMAGE_TOO_LARGE');
  await input('really-a-png.jpg', as('image/jpeg', png), 'committed');
  await input('really-a-jpeg', as('application/octet-stream', jpeg), 'committed');
  await input('really-a-jpeg.txt', as('image/png', jpeg), 'committed');
  await input('empty.jpg', as('image/jpeg', Buffer.alloc(0)), 'NOT_AN_IMAGE');
  await input('text.jpg', as('image/jpeg', text), 'NOT_AN_IMAGE');
  await input('text.txt', as('text/plain', text), 'plain');
  await input('unknown', as('application/octet-stream', text), 'plain');
  await input('empty', as('application/octet-stream', Buffer.alloc(0)), 'plain');
  const external =
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="http://127.0.0.1/x.png"/></svg>';
  await input('external.svg', as('image/svg+xml', Buffer.from(external)), 'SVG_EXTERNAL_REFERENCE');
  for (const [key, outcome] of OUTCOMES) await world.settled('photos', key, outcome);
  assert.equal((await world.row('photos', 'truncated.jpg'))?.damaged, true);
});

test('I6: what was refused is not tried again when its events come again', async () => {
  await world.quiet();
  const attempts = () => world.sql('SELECT key, count(*)::int FROM millrace.attempts GROUP BY key ORDER BY key');
  const before = await attempts();
  const event = await world.nats.manager.streams.getMessage('EVENTS', { seq: 1 });
  for (const key of OUTCOMES.keys()) {
    const again = JSON.parse(event?.string() ?? '') as { Key: string; Records: [{ s3: { object: { key: string } } }] };
    again.Key = `photos/${key}`;
    again.Records[0].s3.object.key = encodeURIComponent(key);
    await world.nats.js.publish('events.images.created', JSON.stringify(again));
  }
  await world.quiet();
  assert.deepEqual(await attempts(), before);
});

test('I7: below its floor a volume takes nothing, removals go on, and with room everything resumes by itself', {
  skip: cannotMount,
}, async () => {
  for (const key of ['kept.jpg', 'removed.jpg']) {
    await world.put(SMALL, key, await picture(key.length));
    await world.settled(SMALL, key);
  }
  const sets = async () => (await readdir(volume, { recursive: true })).filter((path) => path.endsWith('facts.json'));
  assert.equal((await sets()).length, 2);

  const ballast = join(volume, 'ballast');
  await fill(ballast, MIB / 2);
  await eventually(async () => (await gate()) === 'NO_SPACE', { what: 'the gate to close' });
  await world.put(SMALL, 'waits.jpg', await picture(11));
  await world.s3.removeObject(SMALL, 'removed.jpg');
  await world.settled(SMALL, 'removed.jpg');
  await eventually(async () => (await sets()).length === 1, { what: 'the removed set to go from the full volume' });
  assert.equal(await world.row(SMALL, 'waits.jpg'), null);
  await world.put('photos', 'other-tier.jpg', await picture(12));
  await world.settled('photos', 'other-tier.jpg');

  await rm(ballast);
  await world.settled(SMALL, 'waits.jpg');
});

test('I7: ENOSPC in mid-render: nothing is committed, and with room it is rendered', {
  skip: cannotMount,
}, async () => {
  const ballast = join(volume, 'ballast');
  await eventually(async () => (await gate()) === 'open', { what: 'the gate to be open' });
  await world.put(FULL.bucket, FULL.key, await picture(13));
  await world.fired(FULL);
  await fill(ballast, 0);
  world.release(FULL, 'go');
  const abandoned = () =>
    world.sql(`SELECT FROM millrace.attempts WHERE key = $1 AND outcome = 'abandoned' AND code = 'ENOSPC'`, [FULL.key]);
  await eventually(async () => (await abandoned()).length > 0, { what: 'the attempt to end with ENOSPC' });
  assert.equal(await world.row(FULL.bucket, FULL.key), null);
  await rm(ballast);
  await world.settled(FULL.bucket, FULL.key);
});

test('in the end rows, sets, volumes and outcomes are exact, and no processor died', async () => {
  const except = new Map([...OUTCOMES].filter(([, outcome]) => outcome !== 'committed'));
  await world.exact({ except });
  assert.deepEqual(await world.crew.dismiss(), []);
});

/** Of the small volume: `open`, or why it is not. */
async function gate(): Promise<string | undefined> {
  const answer = await fetch(`${keeper.url}/healthz`);
  type Gate = { readonly state: 'open' } | { readonly state: 'closed'; readonly reason: string };
  const { volumes } = (await answer.json()) as { volumes: readonly { path: string; gate: Gate }[] };
  const found = volumes.find(({ path }) => path === volume)?.gate;
  return found?.state === 'closed' ? found.reason : found?.state;
}

/** Until only so many bytes of the small volume are free. */
async function fill(file: string, leftBytes: number): Promise<void> {
  await using handle = await open(file, 'w');
  const { bavail, bsize } = await statfs(volume);
  let left = bavail * bsize - leftBytes;
  for (; left > 0; left -= 65_536) await handle.write(Buffer.alloc(Math.min(left, 65_536), 1));
}

/** A small PNG of `side` × `side` black pixels, one bit each. */
function bomb(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = Buffer.alloc(side * (1 + Math.ceil(side / 8)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const typed = Buffer.concat([Buffer.from(type), data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, sum]);
}
