// What the world does to us while we work: servers that die, objects that change, events that come twice, late and in disorder.
// Seeded: MILLRACE_SEED=n repeats the choices of a run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RenderPoint } from '../../workers/imaging/serve-renders.ts';
import { CONSUMERS, STREAMS } from '../../workers/model/subjects.ts';
import { sweep } from '../../workers/roles/sweep.ts';
import { eventually } from '../harness/eventually.ts';
import { seededRandom } from '../simulation/random.ts';
import type { Fault } from './fault.ts';
import { startWorld, TIER, type World } from './harness.ts';
import { picture, type Picture } from './pictures.ts';

const seed = Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 1e9));
const random = seededRandom(seed);
process.stderr.write(`fault run, MILLRACE_SEED=${seed}\n`);

const POINTS: readonly RenderPoint[] = [
  'received',
  'downloaded',
  'decoded',
  'file-written',
  'facts-written',
  'replying',
];

/** Somebody renders this object and waits in the middle of it. */
function midRender(name: string, point: RenderPoint = random.pick(POINTS)): Fault {
  return { id: name, bucket: 'photos', key: `${name}.jpg`, at: { process: 'renderer', point } };
}
function beforeCommit(name: string): Fault {
  return {
    id: name,
    bucket: 'photos',
    key: `${name}.jpg`,
    at: { process: 'processor', lane: 'created', step: 'rendered' },
  };
}

const FAULTS = {
  natsRestarted: midRender('nats-restarted'),
  natsKilled: midRender('nats-killed'),
  postgresRestarted: midRender('postgres-restarted'),
  postgresKilled: midRender('postgres-killed'),
  postgresAway: beforeCommit('postgres-away'),
  natsAway: { ...beforeCommit('nats-away'), at: { process: 'processor', lane: 'created', step: 'committed' } },
  storeKilled: midRender('store-killed', random.pick(['received', 'downloaded'])),
  overwritten: midRender('overwritten'),
  deleted: midRender('deleted'),
  restored: midRender('restored'),
  thereBefore: midRender('there-and-back', 'received'),
  thereAndBack: { ...midRender('there-and-back', 'decoded'), id: 'there-and-back-2' },
} as const satisfies Record<string, Fault>;

let world: World;
let pictures = 1;
const next = () => picture(pictures++);

before(async () => {
  world = await startWorld({
    faults: Object.values(FAULTS),
    configuration: (own) => ({
      ...own,
      sources: [
        { bucket: 'photos', tier: TIER },
        { bucket: 'wiped', tier: TIER },
      ],
      processor: { ...own.processor, lookSlots: 4 },
    }),
  });
});
after(() => world.stop());

/** Uploads the object, and while somebody renders it `meanwhile` happens. */
async function during(fault: Fault, meanwhile: () => Promise<unknown>): Promise<void> {
  await world.put(fault.bucket, fault.key, await next());
  await world.fired(fault);
  await meanwhile();
  world.release(fault, 'go');
}
/** Keys of objects put now. */
async function putSome(prefix: string, count: number): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, at) => `${prefix}-${at}.jpg`);
  for (const key of keys) await world.put('photos', key, await next());
  return keys;
}
async function allSettled(keys: readonly string[]): Promise<void> {
  for (const key of keys) await world.settled('photos', key);
}

test('I2: events in reverse order, each twice, lead to what the store has', async () => {
  const keys = Array.from({ length: 6 }, (_, at) => `reversed-${at}.jpg`);
  let changes = 0;
  for (const key of keys) {
    for (let left = random.between(1, 4); left > 0; left -= 1, changes += 1) {
      if (left % 2 === 0 && random.chance(0.7)) await world.s3.removeObject('photos', key);
      else await world.put('photos', key, await next());
    }
  }
  const { streams } = world.nats.manager;
  const messages = async () => (await streams.info(STREAMS.events)).state.messages;
  await eventually(async () => (await messages()) === 2 * changes, { what: 'both copies of each change' });
  const recorded = [];
  for (let seq = 1; seq <= 2 * changes; seq += 1) recorded.push(await streams.getMessage(STREAMS.events, { seq }));
  await streams.purge(STREAMS.events);
  for (const message of recorded.reverse()) {
    if (message !== null) await world.nats.js.publish(message.subject, message.data);
  }
  await world.crew.hire(3);
  await allSettled(keys);
});

test('I2: the same event a hundred times is one render and one revision', async () => {
  const [key = ''] = await putSome('hundredfold', 1);
  const event = await lastEventOf(key);
  await Promise.all(Array.from({ length: 100 }, () => world.nats.js.publish(event.subject, event.data)));
  await world.settled('photos', key);
  const row = await world.row('photos', key);
  await world.quiet();
  assert.deepEqual(await world.row('photos', key), row);
  const attempts = await world.sql<{ rendered: number }>(
    `SELECT count(*)::int AS rendered FROM millrace.attempts WHERE key = $1 AND outcome = 'rendered'`,
    [key],
  );
  assert.deepEqual(attempts, [{ rendered: 1 }]);
});

test('I1: NATS restarted in mid-render', async () => {
  let meanwhile: readonly string[] = [];
  await during(FAULTS.natsRestarted, async () => {
    await world.servers.nats.stop();
    meanwhile = await putSome('nats-stopped', 3);
    await world.servers.nats.restart();
  });
  await allSettled([FAULTS.natsRestarted.key, ...meanwhile]);
});

test('I1: NATS killed with kill -9 in mid-render', async () => {
  let meanwhile: readonly string[] = [];
  await during(FAULTS.natsKilled, async () => {
    await world.servers.nats.kill9();
    meanwhile = await putSome('nats-killed', 3);
    await world.servers.nats.restart();
  });
  await allSettled([FAULTS.natsKilled.key, ...meanwhile]);
});

test('I1: NATS away between commit and outcome', async () => {
  await during(FAULTS.natsAway, async () => {
    await world.servers.nats.kill9();
    world.release(FAULTS.natsAway, 'go');
    await world.servers.nats.restart();
  });
  await world.settled('photos', FAULTS.natsAway.key);
});

test('I1: PostgreSQL restarted in mid-render', async () => {
  let meanwhile: readonly string[] = [];
  await during(FAULTS.postgresRestarted, async () => {
    await world.servers.postgres.stop();
    meanwhile = await putSome('postgres-stopped', 3);
    await world.servers.postgres.restart();
  });
  await allSettled([FAULTS.postgresRestarted.key, ...meanwhile]);
});

test('I1: PostgreSQL killed with kill -9 in mid-render', async () => {
  let meanwhile: readonly string[] = [];
  await during(FAULTS.postgresKilled, async () => {
    await world.servers.postgres.kill9();
    meanwhile = await putSome('postgres-killed', 3);
    await world.servers.postgres.restart();
  });
  await allSettled([FAULTS.postgresKilled.key, ...meanwhile]);
});

test('I1: PostgreSQL away when the commit comes', async () => {
  await during(FAULTS.postgresAway, async () => {
    await world.servers.postgres.kill9();
    world.release(FAULTS.postgresAway, 'go');
    await world.servers.postgres.restart();
  });
  await world.settled('photos', FAULTS.postgresAway.key);
});

test('I1: MinIO killed with kill -9 in mid-render', async () => {
  await during(FAULTS.storeKilled, async () => {
    await world.servers.minio.kill9();
    world.release(FAULTS.storeKilled, 'go');
    await world.servers.minio.restart();
  });
  await allSettled([FAULTS.storeKilled.key, ...(await putSome('store-restarted', 2))]);
});

test('I2, I4: an object overwritten, deleted, restored to its old content in mid-render', async () => {
  const { overwritten, deleted, restored } = FAULTS;
  await during(overwritten, async () => world.put('photos', overwritten.key, await next()));
  await during(deleted, async () => world.s3.removeObject('photos', deleted.key));
  const old = await picture(pictures); // the one that `during` puts
  await during(restored, async () => {
    await world.put('photos', restored.key, await picture(9_999));
    await world.put('photos', restored.key, old);
  });
  await allSettled([overwritten.key, deleted.key, restored.key]);
});

test('I4: A → B → A around one download: what stands under A shows A', async () => {
  const { thereBefore, thereAndBack } = FAULTS;
  const old = await picture(pictures); // the one that `during` puts
  const other = await sameSizeAs(old); // or the size alone would tell the two apart
  await during(thereBefore, () => world.put('photos', thereBefore.key, other));
  await world.fired(thereAndBack);
  await world.put('photos', thereAndBack.key, old);
  world.release(thereAndBack, 'go');
  await world.settled('photos', thereAndBack.key);
});

test('I2: a consumer that was deleted is waited for; made anew it replays the stream, which changes nothing', async () => {
  await world.quiet();
  const revisions = () => world.sql('SELECT key, revision::int FROM millrace.objects ORDER BY key');
  const before = await revisions();
  const { manager } = world.nats;
  const { state } = await manager.streams.info(STREAMS.events);
  await manager.consumers.delete(STREAMS.events, CONSUMERS.changes);
  await manager.consumers.delete(STREAMS.events, CONSUMERS.removals);
  const changes = await world.shortenAckWait();
  assert.deepEqual(changes, ['consumer changes: created', 'consumer removals: created']);
  await world.quiet();
  const { delivered } = await manager.consumers.info(STREAMS.events, CONSUMERS.changes);
  assert.ok(delivered.consumer_seq > state.messages / 2, 'it replayed the stream');
  assert.deepEqual(await revisions(), before);
  await allSettled(await putSome('consumer-again', 2));
});

test('I7: a bucket that lost its tag and its objects loses no rendition, and owes a sweep; made whole again the sweep finds the rest', async () => {
  const keys = Array.from({ length: 4 }, (_, at) => `wiped-${at}.jpg`);
  for (const key of keys) await world.put('wiped', key, await next());
  for (const key of keys) await world.settled('wiped', key);
  await world.quiet();
  const rows = () =>
    world.sql(`SELECT key, revision::int, set_id FROM millrace.objects WHERE bucket = 'wiped' ORDER BY key`);
  const before = await rows();
  const owed = () => world.sql<{ reason: string }>(`SELECT reason FROM millrace.owed_sweeps WHERE bucket = 'wiped'`);
  await world.sql(`DELETE FROM millrace.owed_sweeps`); // what provisioning owes

  const tags = await world.s3.getBucketTagging('wiped');
  await world.s3.removeBucketTagging('wiped');
  await world.s3.removeObjects('wiped', [...keys]);
  await eventually(async () => (await owed()).some(({ reason }) => reason === 'SOURCE_NOT_PROVEN'), {
    timeoutMs: 30_000,
  });
  await world.quiet();
  assert.deepEqual(await rows(), before, 'every row and set is kept');

  await world.s3.setBucketTagging('wiped', Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])));
  const run = { log: world.log, signal: new AbortController().signal };
  const [swept] = await sweep(
    world.configuration,
    { bucket: 'wiped', prefix: '', dryRun: false, allowRemovals: 0 },
    run,
  );
  assert.deepEqual([swept?.gone, swept?.published, swept?.withheld], [4, 4, 0]);
  for (const key of keys) await world.settled('wiped', key);
  assert.deepEqual(await owed(), []);
});

test('in the end rows, sets, volumes and outcomes are exact, and no processor died', async () => {
  await world.exact();
  assert.deepEqual(await world.crew.dismiss(), []);
});

async function sameSizeAs({ bytes }: Picture): Promise<Picture> {
  for (let number = 10_000; ; number += 1) {
    const other = await picture(number);
    if (other.bytes.length === bytes.length) return other;
  }
}

async function lastEventOf(key: string): Promise<{ readonly subject: string; readonly data: Uint8Array }> {
  const { state } = await world.nats.manager.streams.info(STREAMS.events);
  for (let seq = state.last_seq; seq >= state.first_seq; seq -= 1) {
    const message = await world.nats.manager.streams.getMessage(STREAMS.events, { seq });
    if (message?.string().includes(key)) return message;
  }
  throw new Error(`no event of ${key}`);
}
