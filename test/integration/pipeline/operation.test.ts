// The processes as an operator has them: health, shared work, shutdown, a newer configuration, sweeps under their guard, and the commands that start them.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startChild } from '../../../workers/local/child.ts';
import { childEnv } from '../../../workers/local/child-env.ts';
import type { Server } from '../../../workers/local/server.ts';
import type { Keeper } from '../../../workers/roles/keeper.ts';
import { provisionBuckets, provisionIndexAndStreams } from '../../../workers/roles/provision.ts';
import { CONSUMERS, STREAMS } from '../../../workers/model/subjects.ts';
import { freePort } from '../../../workers/local/ports.ts';
import { eventually } from '../../harness/eventually.ts';
import type { Fault } from '../../faults/fault.ts';
import { startWorld, TIER, type World } from '../../faults/harness.ts';
import { picture } from '../../faults/pictures.ts';
import { MAIN, millrace, millraceJson } from './cli.ts';

const midRender = (name: string): Fault => ({
  id: name,
  bucket: 'photos',
  key: `${name}.jpg`,
  at: { process: 'renderer', point: 'decoded' },
});
const FINISHED = midRender('finished');
const FORCED = midRender('forced');
const SLOW = { timeoutMs: 30_000 };

let world: World;
let keeper: Keeper;
let pictures = 1;
const next = () => picture(pictures++);

before(async () => {
  world = await startWorld({
    faults: [FINISHED, FORCED],
    keeper: false,
    configuration: (own) => ({
      ...own,
      sources: [
        { bucket: 'photos', tier: TIER },
        { bucket: 'archive', tier: TIER },
      ],
    }),
  });
  await world.crew.hire(2);
});
after(() => world.stop());

test('/healthz and /readyz say how a processor is: alive, and ready when a volume is open', async () => {
  const [member] = world.crew.running();
  assert.ok(member);
  const url = await healthUrl(member);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  await eventually(async () => (await checksOf(url))['nats']?.ok === true, SLOW);
  const unready = await fetch(`${url}/readyz`);
  assert.equal(unready.status, 503);
  assert.deepEqual((await checksOf(url))['volumes'], {
    ok: false,
    message: 'no open volume on this host: changes wait in EVENTS',
  });

  await world.put('photos', 'waits.jpg', await next());
  keeper = await world.keep();
  for (const each of await Promise.all(world.crew.running().map(healthUrl))) {
    await eventually(async () => (await fetch(`${each}/readyz`)).status === 200, SLOW);
  }
  assert.deepEqual(Object.keys(await checksOf(url)), ['nats', 'configuration', 'volumes', 'consumers']);
  assert.equal((await fetch(`${keeper.url}/readyz`)).status, 200);
  await world.settled('photos', 'waits.jpg');
});

test('two processors share the work', async () => {
  const keys = Array.from({ length: 16 }, (_, at) => `shared-${at}.jpg`);
  for (const key of keys) await world.put('photos', key, await next());
  for (const key of keys) await world.settled('photos', key);
  const rendered = world.files.journal().filter(({ step, key }) => step === 'rendered' && keys.includes(key));
  assert.equal(new Set(rendered.map(({ pid }) => pid)).size, 2);
});

test('I1: SIGTERM under load: what runs is finished, the rest is handed back, exit code 0', async () => {
  const { processor } = await held(FINISHED);
  const url = await healthUrl(processor);
  const keys = Array.from({ length: 8 }, (_, at) => `under-load-${at}.jpg`);
  for (const key of keys) await world.put('photos', key, await next());
  const { pid } = processor;
  world.crew.expectDeath(pid);
  process.kill(pid, 'SIGTERM');
  await eventually(async () => (await stateOf(url)) === 'draining', SLOW);
  assert.equal((await fetch(`${url}/readyz`)).status, 503);
  world.release(FINISHED, 'go');
  assert.deepEqual(await processor.exited, { code: 0, signal: null, wanted: false });
  await world.settled('photos', FINISHED.key);
  const settledBy = world.files.journal().filter(({ key, step }) => key === FINISHED.key && step === 'committed');
  assert.deepEqual(
    settledBy.map((line) => line.pid),
    [pid],
    'it finished what it had begun',
  );
  for (const key of keys) await world.settled('photos', key);
});

test('I1: a second signal ends a processor at once, and another one takes over', async () => {
  const { processor } = await held(FORCED);
  const url = await healthUrl(processor);
  world.crew.expectDeath(processor.pid);
  process.kill(processor.pid, 'SIGTERM');
  await eventually(async () => (await stateOf(url)) === 'draining', SLOW);
  process.kill(processor.pid, 'SIGTERM');
  assert.deepEqual(await processor.exited, { code: 143, signal: null, wanted: false });
  world.release(FORCED, 'go');
  await world.settled('photos', FORCED.key);
});

test('I11: under a newer configuration a processor fetches nothing, and goes on when its own is in force again', async () => {
  const run = { log: world.log, signal: new AbortController().signal };
  const newer = { ...world.configuration, damaged: 'refuse' } as const;
  const outdated = async () => {
    const urls = await Promise.all(world.crew.running().map(healthUrl));
    const checks = await Promise.all(urls.map(checksOf));
    return checks.every(({ configuration }) => configuration?.message?.startsWith('CONFIG_OUTDATED') === true);
  };
  await provisionIndexAndStreams(newer, run);
  await eventually(outdated, SLOW);
  await world.put('photos', 'later.jpg', await next());
  // A pull that was open already may still bring one message, which is put back.
  const { num_pending, num_ack_pending } = await world.nats.manager.consumers.info(STREAMS.events, CONSUMERS.changes);
  assert.ok(num_pending + num_ack_pending > 0, 'MinIO has told of it, and nobody settled it');
  assert.equal(await world.row('photos', 'later.jpg'), null);
  const { changes: again } = await provisionIndexAndStreams(world.configuration, run);
  assert.deepEqual(
    again.filter((change) => change.startsWith('configuration')),
    ['configuration: generation 3'],
  );
  await world.shortenAckWait();
  await world.settled('photos', 'later.jpg');
});

test('I2, I5: a sweep finds what no event told, and removes more than a few things only when told so', async () => {
  const keys = Array.from({ length: 16 }, (_, at) => `archive-${at}.jpg`);
  for (const key of keys) await world.put('archive', key, await next());
  for (const key of keys) await world.settled('archive', key);
  await world.quiet(); // a copy that the journal delivers later would find what follows
  await world.s3.removeAllBucketNotification('archive');
  const [overwritten = '', , ...others] = keys;
  const gone = others.slice(0, 2);
  await world.put('archive', 'unknown.jpg', await next());
  await world.put('archive', overwritten, await next());
  await world.s3.removeObjects('archive', gone);

  const found = { listed: 15, rows: 16, missing: 1, stale: 1, gone: 2, uncovered: 0 };
  const report = { bucket: 'archive', prefix: '', ...found, withheld: 0, reason: null };
  const dry = await millraceJson(world, 'sweep', '--bucket', 'archive', '--dry-run');
  assert.deepEqual(dry, [{ ...report, published: 0 }]);
  assert.equal(await world.row('archive', 'unknown.jpg'), null);
  assert.deepEqual(await millraceJson(world, 'sweep', '--bucket', 'archive'), [{ ...report, published: 4 }]);
  for (const key of ['unknown.jpg', overwritten, ...gone]) await world.settled('archive', key);

  const lost = others.slice(2, 13);
  await world.s3.removeObjects('archive', lost);
  const held = await millrace(world, 'sweep', '--bucket', 'archive');
  assert.equal(held.code, 1);
  assert.match(held.stderr, /REMOVALS_WITHHELD.*11/s);
  await world.quiet();
  const flagged = () => world.sql(`SELECT removals_flagged::int AS n FROM millrace.sources WHERE bucket = 'archive'`);
  assert.deepEqual(await flagged(), [{ n: 11 }]);
  for (const key of lost) assert.equal((await world.row('archive', key))?.state, 'committed');

  assert.equal((await millrace(world, 'sweep', '--bucket', 'archive', '--allow-removals', '11')).code, 0);
  for (const key of lost) await world.settled('archive', key);
  assert.deepEqual(await flagged(), [{ n: null }]);
  await provisionBuckets(world.configuration, { log: world.log, signal: new AbortController().signal });
});

test('in the end rows, sets, volumes and outcomes are exact, and every processor ended as it was told to', async () => {
  await world.exact();
  assert.deepEqual(await world.crew.dismiss(), []);
  await keeper.stop();
});

test('`millrace provision`, `keeper` and `processor`: what was provisioned stands, and the roles work and end as processes of their own', async () => {
  const changes = (await millraceJson(world, 'provision')) as { change: string }[];
  assert.ok(changes.some(({ change }) => change === 'consumer changes: ack_wait 2 s → 60 s'));
  for (const { change } of changes) assert.match(change, /^consumer \S+: ack_wait 2 s → 60 s$/);
  const again = await millrace(world, 'provision');
  assert.deepEqual([again.code, again.stdout], [0, 'Everything was in place; nothing changed.\n']);

  const role = async (kind: 'keeper' | 'processor') => {
    const port = await freePort();
    const child = await startChild({
      name: `millrace-${kind}`,
      command: process.execPath,
      args: [MAIN, kind],
      env: childEnv({
        MILLRACE_CONFIG: world.configurationFile,
        [`MILLRACE_${kind.toUpperCase()}_HEALTH_PORT`]: String(port),
      }),
      folder: world.servers.folder,
      isReady: async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200,
    });
    return child;
  };
  await using keeping = await role('keeper');
  await using processor = await role('processor');
  await world.put('photos', 'by-the-command.jpg', await next());
  await world.settled('photos', 'by-the-command.jpg');
  await world.exact();
  for (const child of [processor, keeping]) {
    await child.stop();
    assert.deepEqual(await child.exited, { code: 0, signal: null, wanted: true });
  }
});

/** Uploads the object; gives the processor whose renderer waits with it. */
async function held(fault: Fault): Promise<{ readonly processor: Server }> {
  await world.put(fault.bucket, fault.key, await next());
  const { parentPid } = await world.fired(fault);
  return { processor: world.crew.of(parentPid) };
}

/** As its log tells it. */
async function healthUrl({ logFile }: Server): Promise<string> {
  return eventually(async () => {
    const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.includes('"health served"'));
    return lines.length === 0 ? null : (JSON.parse(lines.at(-1) ?? '') as { url: string }).url;
  }, SLOW);
}

type Checks = Readonly<Record<string, { readonly ok: boolean; readonly message?: string }>>;

async function checksOf(url: string): Promise<Checks> {
  return ((await (await fetch(`${url}/readyz`)).json()) as { checks: Checks }).checks;
}

async function stateOf(url: string): Promise<string> {
  return ((await (await fetch(`${url}/healthz`)).json()) as { state: string }).state;
}
