// `doctor` on real servers: each planted break is named, with a remedy, and the exit code says so.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CliDeps } from '../../../workers/cli/deps.ts';
import type { Configuration } from '../../../workers/model/configuration.ts';
import type { Finding } from '../../../workers/model/finding.ts';
import { EVENT_SUBJECTS, STREAMS } from '../../../workers/model/subjects.ts';
import { freePort } from '../../../workers/local/ports.ts';
import { doctor } from '../../../workers/roles/doctor.ts';
import { provisionBuckets } from '../../../workers/roles/provision.ts';
import type { Keeper } from '../../../workers/roles/keeper.ts';
import { ACK_WAIT_MS, startWorld, TIER, type World } from '../../faults/harness.ts';
import { eventually } from '../../harness/eventually.ts';
import { ran } from '../../unit/cli/fake-process.ts';

let world: World;
let keeper: Keeper;

before(async () => {
  world = await startWorld({ keeper: false });
  keeper = await world.keep();
  // The sweep that a new bucket owes, paid.
  await world.sql('DELETE FROM millrace.owed_sweeps');
  await world.crew.hire(1);
});
after(async () => {
  await world.stop();
});

const signal = new AbortController().signal;
const ourDoctor: CliDeps['doctor'] = (configuration, request, run) =>
  doctor(configuration, request, run, { ackWaitMs: ACK_WAIT_MS });

/** Those that are not fine, after a run with this configuration. */
async function faults(change: Partial<Configuration> = {}, ...options: string[]): Promise<Finding[]> {
  const file = join(world.servers.folder, 'of-the-doctor.json');
  writeFileSync(file, JSON.stringify({ ...world.configuration, ...change }));
  const args = ['doctor', '--json', '--config', file, ...(options.length === 0 ? ['--no-probe'] : options)];
  const { code, out, err } = await ran(args, { doctor: ourDoctor }, { env: {} });
  assert.equal(err, '');
  const found = out
    .trimEnd()
    .split('\n')
    .map((line): Finding => JSON.parse(line));
  assert.equal(code, found.some(({ state }) => state === 'broken') ? 1 : 0);
  for (const { code: named, remedy } of found) assert.equal(named === null, remedy === null, `${named} has a remedy`);
  return found.filter(({ state }) => state !== 'fine' && state !== 'skipped');
}

async function named(change: Partial<Configuration> = {}): Promise<string[]> {
  return (await faults(change)).map(({ hop, code }) => `${hop}: ${code}`);
}

function probeFinding(probeTimeoutMs: number): Promise<Finding | undefined> {
  const run = { log: world.log, signal };
  return Array.fromAsync(ourDoctor(world.configuration, { probe: true, probeTimeoutMs }, run)).then((all) =>
    all.at(-1),
  );
}

test('nothing broken: an object goes through and is gone afterwards, and people are told so', async () => {
  await eventually(async () => (await named()).length === 0, { timeoutMs: 15_000 });
  const { code, out } = await ran(['doctor', '--config', world.configurationFile], { doctor: ourDoctor }, { env: {} });
  assert.equal(code, 0, out);
  assert.match(out, /^ok {6}index .*\nok {6}store .*1 buckets bear.*\nok {6}NATS .*\nok {6}streams /);
  assert.match(out, /\nok {6}probe +an object was rendered and committed in \d+ ms\nNothing is broken\.\n$/);
  await world.exact();
});

test('servers that are away or refuse', async () => {
  const { store, nats, database } = world.configuration;
  const port = await freePort();
  const away = (url: string) => url.replace(/:\d+(\/|$)/, `:${port}$1`);
  assert.deepEqual((await named({ database: { url: away(database.url) } })).at(0), 'index: INDEX_UNAVAILABLE');
  assert.deepEqual(
    (await named({ database: { url: database.url.replace(/:[^:@/]+@/, ':wrong@') } })).at(0),
    'index: INDEX_ACCESS_DENIED',
  );
  const empty = await world.servers.postgres.createDatabase();
  assert.deepEqual((await named({ database: { url: empty } })).at(0), 'index: INDEX_NOT_PROVISIONED');
  assert.deepEqual(await named({ store: { ...store, endpoint: away(store.endpoint) } }), ['store: STORE_UNAVAILABLE']);
  assert.deepEqual(await named({ store: { ...store, secretKey: 'wrong-secret' } }), ['store: ACCESS_DENIED']);
  assert.deepEqual(await named({ nats: { ...nats, url: away(nats.url) } }), ['NATS: NATS_UNREACHABLE']);
});

test('a configuration that is not registered, and a bucket that is not there', async () => {
  const found = await named({ sources: [{ bucket: 'nowhere', prefix: '', tier: TIER }] });
  assert.deepEqual(found, ['index: CONFIG_OUTDATED', 'store: NO_SUCH_BUCKET']);
});

test('a bucket without its tag, or without its rules, which the probe sees too', async () => {
  const tags = await world.s3.getBucketTagging('photos');
  await world.s3.removeBucketTagging('photos');
  assert.deepEqual(await named(), ['store: SOURCE_UNPROVEN']);
  await world.s3.setBucketTagging('photos', Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])));
  await world.s3.removeAllBucketNotification('photos');
  assert.deepEqual(await named(), ['store: RULES_MISSING']);
  assert.equal((await probeFinding(500))?.code, 'NO_EVENT');
  await provisionBuckets(world.configuration, { log: world.log, signal });
  assert.deepEqual(await named(), []);
});

test('a consumer that differs, and one that is gone', async () => {
  const { consumers } = world.nats.manager;
  const { config } = await consumers.info(STREAMS.planned, `planned-${TIER}-bulk`);
  await consumers.update(STREAMS.planned, `planned-${TIER}-bulk`, { max_ack_pending: 7 });
  assert.deepEqual(await named(), ['streams: DRIFT']);
  await consumers.delete(STREAMS.planned, `planned-${TIER}-bulk`);
  assert.deepEqual(await named(), ['streams: NOT_PROVISIONED']);
  await consumers.add(STREAMS.planned, config);
  await eventually(async () => (await named()).length === 0, { timeoutMs: 15_000 });
});

test('no processor: it does not answer, and the probe says where it stands', async () => {
  await world.quiet();
  for (const { pid } of world.crew.running()) world.crew.of(pid).pause();
  assert.deepEqual(await named(), ['processors: NO_PROCESSOR']);
  const probe = await probeFinding(1_000);
  assert.equal(probe?.code, 'PROBE_NOT_RENDERED');
  assert.match(probe.message, /The index does not know it yet/);
  for (const { pid } of world.crew.running()) world.crew.of(pid).resume();
  await eventually(async () => (await named()).length === 0, { timeoutMs: 15_000 });
});

test('no keeper', async () => {
  await keeper.stop();
  const found = await faults();
  assert.ok(['NO_KEEPER', 'STOPPING'].includes(found[0]?.code ?? ''), JSON.stringify(found));
  assert.equal(found[0]?.state, 'broken');
  await world.keep();
  await eventually(async () => (await named()).length === 0, { timeoutMs: 15_000 });
});

test('what is owed, withheld or set aside is a warning, and breaks nothing', async () => {
  await world.sql(
    `INSERT INTO millrace.owed_sweeps (store, bucket, reason, first_at, last_at) VALUES ('main', 'photos', 'EVENTS_LOST', now(), now())`,
  );
  await world.sql(`UPDATE millrace.sources SET removals_flagged = 12, removals_flagged_at = now()`);
  await world.nats.js.publish(EVENT_SUBJECTS.created, 'no notification');
  await eventually(async () => (await named()).length === 3 || (await named()).length === 4);
  const found = (await faults()).map(({ state, code }) => `${state} ${code}`);
  assert.deepEqual([...new Set(found)], ['warning SWEEP_OWED', 'warning REMOVALS_WITHHELD', 'warning LETTERS_WAIT']);
});
