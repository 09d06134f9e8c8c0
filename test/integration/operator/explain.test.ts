// `object explain` on real servers: the whole story, in order, of objects in every standing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { headers } from 'nats';
import { STREAMS } from '../../../workers/model/subjects.ts';
import { scanStream } from '../../../workers/nats/scan.ts';
import { openDesk } from '../../../workers/roles/desk.ts';
import { picture } from '../../faults/pictures.ts';
import type { Keeper } from '../../../workers/roles/keeper.ts';
import { startWorld, type World } from '../../faults/harness.ts';
import { eventually } from '../../harness/eventually.ts';
import { ran } from '../../unit/cli/fake-process.ts';

let world: World;
let keeper: Keeper;

before(async () => {
  world = await startWorld({ keeper: false });
  keeper = await world.keep();
  await world.crew.hire(1);
});
after(async () => {
  await world.stop();
});

interface Story {
  readonly standing: string;
  readonly because: string;
  readonly help: string | null;
  readonly store: { readonly state: string };
  readonly row: { readonly state: string; readonly revision: number } | null;
  readonly events: readonly { readonly streamSeq: number; readonly path: string; readonly name: string }[];
  readonly attempts: readonly {
    readonly outcome: string;
    readonly code: string | null;
    readonly host: string;
    readonly phasesMs: Readonly<Record<string, number>>;
    readonly ofPresentVersion: boolean;
  }[];
  readonly sets: readonly { readonly id: string; readonly state: string }[];
  readonly deadLetters: readonly { readonly number: number }[];
}

async function explained(path: string, ...options: string[]): Promise<string> {
  const args = ['object', 'explain', path, ...options, '--config', world.configurationFile];
  const { code, out, err } = await ran(args, { openDesk }, { env: { MILLRACE_LOG_LEVEL: 'silent' } });
  assert.deepEqual([code, err], [0, '']);
  return out;
}

async function story(path: string): Promise<Story> {
  return JSON.parse(await explained(path, '--json'));
}

function crew(action: 'pause' | 'resume'): void {
  for (const { pid } of world.crew.running()) world.crew.of(pid)[action]();
}

test('a rendered object: events of both paths, the attempt with its phases, its set, and nothing to do', async () => {
  await world.put('photos', 'a folder/ä & b.jpg', await picture(1));
  await world.settled('photos', 'a folder/ä & b.jpg');
  await world.put('photos', 'a folder/ä & b.jpg.png', await picture(2, 'png'));
  await eventually(async () => (await story('photos/a folder/ä & b.jpg')).events.length === 2);
  const told = await story('photos/a folder/ä & b.jpg');
  assert.equal(told.standing, 'right');
  assert.equal(told.help, null);
  assert.deepEqual(told.events.map(({ path }) => path).sort(), ['journal', 'live']);
  assert.ok(told.events.every(({ name }) => name === 's3:ObjectCreated:Put'));
  assert.equal(told.attempts.length, 1);
  assert.deepEqual([told.attempts[0]?.outcome, told.attempts[0]?.host], ['rendered', 'test-host']);
  assert.ok(Object.keys(told.attempts[0]?.phasesMs ?? {}).length > 2, 'its phases are told');
  assert.deepEqual(
    told.sets.map(({ state }) => state),
    ['live'],
  );

  const text = await explained('photos/a folder/ä & b.jpg');
  assert.match(
    text,
    /^object {4}photos\/a folder\/ä & b.jpg\nstanding {2}right\nbecause {3}Its 3 renditions stand on volume /,
  );
  const happened = text.split('\n').filter((line) => line.startsWith('  '));
  assert.deepEqual(happened, happened.toSorted(), 'in the order in which it happened');
  assert.match(text, /event {3}s3:ObjectCreated:Put, live, EVENTS \d+\n/);
  assert.match(text, /attempt rendered after \d+ ms \(download \d+, probe \d+, decode \d+, .*write \d+ ms\)\n/);
});

test('an overwritten object: the earlier attempt and set are told apart', async () => {
  await world.put('photos', 'over.jpg', await picture(3));
  await world.settled('photos', 'over.jpg');
  await world.put('photos', 'over.jpg', await picture(4));
  await world.settled('photos', 'over.jpg');
  const { attempts } = await story('photos/over.jpg');
  assert.deepEqual(
    attempts.map(({ ofPresentVersion }) => ofPresentVersion),
    [true, false],
  );
});

test('a refused object: the code, and what helps', async () => {
  await world.put('photos', 'no.jpg', { bytes: Buffer.from('nothing'), contentType: 'image/jpeg' });
  await world.settled('photos', 'no.jpg', 'NOT_AN_IMAGE');
  const told = await story('photos/no.jpg');
  assert.equal(told.standing, 'refused');
  assert.match(told.because, /^NOT_AN_IMAGE: /);
  assert.match(told.help ?? '', /Upload it with the right content type/);
  assert.deepEqual(
    told.attempts.map(({ outcome, code }) => [outcome, code]),
    [['refused', 'NOT_AN_IMAGE']],
  );
});

test('a removed object keeps its story: attempts and events, and that it is gone', async () => {
  await world.put('photos', 'gone.jpg', await picture(5));
  await world.settled('photos', 'gone.jpg');
  await world.s3.removeObject('photos', 'gone.jpg');
  await world.settled('photos', 'gone.jpg');
  await eventually(async () => (await story('photos/gone.jpg')).events.length === 4);
  const told = await story('photos/gone.jpg');
  assert.deepEqual([told.standing, told.store.state, told.row], ['absent', 'gone', null]);
  assert.deepEqual(
    told.attempts.map(({ outcome }) => outcome),
    ['rendered'],
  );
  assert.match(await explained('photos/gone.jpg'), /ObjectRemoved:Delete/);
});

test('what waits for a stopped processor is waiting; what no message speaks of is stuck, and a sweep helps', async () => {
  await world.quiet();
  crew('pause');
  await world.put('photos', 'waits.jpg', await picture(6));
  await eventually(async () => ['waiting', 'stuck'].includes((await story('photos/waits.jpg')).standing));
  assert.match((await story('photos/waits.jpg')).because, /^The index does not know it yet\..* \(changes: /);
  crew('resume');
  await world.settled('photos', 'waits.jpg');
  await world.quiet();
  await world.sql(`DELETE FROM millrace.objects WHERE key = 'waits.jpg'`);
  const told = await story('photos/waits.jpg');
  assert.equal(told.standing, 'stuck');
  assert.equal(told.help, 'Run millrace sweep --bucket photos --prefix "waits.jpg".');
  await world.sql(`DELETE FROM millrace.sets WHERE key = 'waits.jpg'`);
});

test('no keeper: stuck, and it says so', async () => {
  await keeper.stop();
  await world.put('photos', 'nowhere.jpg', await picture(7));
  const told = await eventually(async () => {
    const now = await story('photos/nowhere.jpg');
    return now.standing === 'stuck' ? now : null;
  });
  assert.match(told.because, /tier standard/);
  assert.notEqual(told.help, null);
  await world.keep();
  await world.settled('photos', 'nowhere.jpg');
});

test('an object that no source covers, one that never was, and a bucket that is none', async () => {
  await world.s3.makeBucket('others');
  await world.s3.putObject('others', 'x.jpg', 'x');
  assert.equal((await story('others/x.jpg')).standing, 'not-ours');
  const never = await story('photos/never');
  assert.deepEqual([never.standing, never.events, never.attempts], ['absent', [], []]);
  assert.match(await explained('photos/never'), /nothing is remembered of it\n$/);
  const none = await story('nowhere/x.jpg');
  assert.equal(none.standing, 'trouble');
  assert.match(none.because, /^NO_SUCH_BUCKET: /);
});

test('a dead letter about an object is part of its story', async () => {
  const own = headers();
  own.set('millrace-code', 'NOT_A_WORK_ITEM');
  own.set('millrace-subject', 'planned.v1.standard.bulk.sweep');
  const item = { v: 1, ref: { store: 'main', bucket: 'photos', key: 'over.jpg' }, reason: 'sweep' };
  const { seq } = await world.nats.js.publish('dead.v1.PLANNED.x', JSON.stringify(item), { headers: own });
  const { deadLetters, standing } = await story('photos/over.jpg');
  assert.deepEqual([deadLetters.map(({ number }) => number), standing], [[seq], 'right']);
});

test('a scan leaves no consumer behind, ends where the stream ended, and an empty one ends at once', async () => {
  const { manager } = world.nats;
  const consumers = async () => (await manager.streams.info(STREAMS.events)).state.consumer_count;
  const before = await consumers();
  const { state } = await manager.streams.info(STREAMS.events);
  const all = await Array.fromAsync(scanStream(world.nats, STREAMS.events));
  assert.equal(all.length, state.messages);
  for await (const _message of scanStream(world.nats, STREAMS.events)) break;
  assert.deepEqual(
    await Array.fromAsync(scanStream(world.nats, STREAMS.events, { subjects: ['events.images.none'] })),
    [],
  );
  assert.deepEqual(await Array.fromAsync(scanStream(world.nats, STREAMS.events, { sinceMs: Date.now() + 60_000 })), []);
  await eventually(async () => (await consumers()) === before);
  await assert.rejects(Array.fromAsync(scanStream(world.nats, 'NONE')), { code: 'STREAM_MISSING' });
});
