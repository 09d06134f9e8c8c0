// `status` on real servers: what it shows while work waits, while nobody is there, and in a terminal.
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { runCli } from '../../../workers/cli/run.ts';
import type { StatusView } from '../../../workers/cli/status.ts';
import { openDesk } from '../../../workers/roles/desk.ts';
import { picture } from '../../faults/pictures.ts';
import type { Keeper } from '../../../workers/roles/keeper.ts';
import { startWorld, TIER, type World } from '../../faults/harness.ts';
import { eventually } from '../../harness/eventually.ts';
import { fakeDeps, fakeProcess, ran } from '../../unit/cli/fake-process.ts';

let world: World;
let keeper: Keeper;

before(async () => {
  world = await startWorld({ keeper: false });
  keeper = await world.keep();
});
after(async () => {
  await world.stop();
});

const env = { MILLRACE_LOG_LEVEL: 'silent' };
const args = (...more: string[]) => ['status', ...more, '--config', world.configurationFile];

async function text(): Promise<string> {
  const { code, out, err } = await ran(args(), { openDesk }, { env });
  assert.deepEqual([code, err], [0, '']);
  return out;
}

async function status(): Promise<StatusView> {
  const { code, out, err } = await ran(args('--json'), { openDesk }, { env });
  assert.deepEqual([code, err], [0, '']);
  return JSON.parse(out);
}

test('without a processor: messages wait, nobody answers, and how long it takes is not guessed', async () => {
  await world.put('photos', 'a.jpg', await picture(1));
  const { lanes, processors, volumes, streams } = await eventually(async () => {
    const now = await status();
    return now.lanes[0]?.pending === 2 ? now : null;
  });
  assert.deepEqual(
    lanes.map(({ name }) => name),
    ['changes', 'removals', `planned-${TIER}-urgent`, `planned-${TIER}-bulk`],
  );
  assert.deepEqual([lanes[0]?.perSecond, lanes[0]?.etaS, lanes[1]?.etaS], [0, null, 0]);
  assert.deepEqual(processors, []);
  assert.deepEqual(
    volumes.map(({ host, tier, open }) => [host, tier, open]),
    [['test-host', TIER, true]],
  );
  assert.equal(streams.find(({ name }) => name === 'EVENTS')?.messages, 2);
  assert.match(await text(), /^lanes\n.*\n {2}changes +2 +0 +0\.0 +-\n[^]*\nprocessors\n {2}none answers\n/);
});

test('with a processor: its renderers, its loops, what it did lately', async () => {
  await world.crew.hire(1);
  await world.settled('photos', 'a.jpg');
  await world.quiet();
  const { processors, lanes, lastMinute } = await status();
  assert.equal(processors.length, 1);
  const [processor] = processors;
  assert.deepEqual(
    [processor?.host, processor?.renderers, processor?.generation, processor?.openTiers],
    ['test-host', { size: 1, busy: 0 }, 1, [TIER]],
  );
  assert.deepEqual(processor?.loops.map(({ consumer }) => consumer).toSorted(), [
    'changes',
    'exhausted',
    `planned-${TIER}-bulk`,
    `planned-${TIER}-urgent`,
    'removals',
  ]);
  assert.deepEqual(
    lanes.map(({ etaS }) => etaS),
    [0, 0, 0, 0],
  );
  assert.deepEqual(lastMinute, { rendered: 1 });
  assert.match(await text(), /\n {2}test-host \d+ +up \d+ s +0 of 1 renderers +0 messages in hand +fine\n/);
});

test('a closed gate, an owed sweep and withheld removals are shown', async () => {
  await keeper.stop();
  await world.sql(
    `INSERT INTO millrace.owed_sweeps (store, bucket, reason, first_at, last_at) VALUES ('main', 'photos', 'EVENTS_LOST', now(), now())`,
  );
  await world.sql(`UPDATE millrace.sources SET removals_flagged = 12, removals_flagged_at = now()`);
  const shown = await text();
  assert.match(shown, /volumes\n {2}(none is announced|.*CLOSED: STOPPING)/);
  assert.match(shown, /sweeps owed \(millrace sweep\)\n(.*\n)*? {2}photos {2}EVENTS_LOST {2}since /);
  assert.match(shown, /removals withheld .*\n {2}photos {2}12 {2}since /);
  await world.keep();
});

test('in a terminal it is drawn again and again until Ctrl-C, which is no failure', async () => {
  const frames: string[] = [];
  const stdout = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        frames.push(chunk.toString());
        done();
      },
    }),
    { isTTY: true },
  );
  const process = fakeProcess(args(), { env, stdout });
  const running = runCli(process.io, fakeDeps({ openDesk }));
  await eventually(() => frames.filter((frame) => frame.startsWith('\u001b[H\u001b[2Jlanes\n')).length >= 2);
  process.signal('SIGINT');
  assert.equal(await running, 0);
  assert.equal(process.err(), '');
});

test('what is missing is told with its remedy, and the command ends', async () => {
  await world.nats.manager.streams.delete('ADVISORIES');
  const { code, err } = await ran(args(), { openDesk }, { env });
  assert.equal(code, 1);
  assert.equal(
    err,
    'millrace: STREAM_MISSING: reading stream ADVISORIES failed: stream not found\nRun millrace provision.\n',
  );
});
