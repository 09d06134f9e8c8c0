// The operator's commands on real servers: what they say of letters and refusals, and what becomes of both.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { headers } from 'nats';
import { EVENT_SUBJECTS, STREAMS } from '../../../workers/model/subjects.ts';
import { openDesk } from '../../../workers/roles/desk.ts';
import { picture } from '../../faults/pictures.ts';
import { startWorld, type World } from '../../faults/harness.ts';
import { eventually } from '../../harness/eventually.ts';
import { ran } from '../../unit/cli/fake-process.ts';

let world: World;

before(async () => {
  world = await startWorld({});
  await world.crew.hire(1);
});
after(async () => {
  await world.stop();
});

interface Told {
  readonly [key: string]: unknown;
}

async function millrace(...args: string[]): Promise<Told[]> {
  const { code, out, err } = await ran(
    [...args, '--json', '--config', world.configurationFile],
    { openDesk },
    { env: { MILLRACE_LOG_LEVEL: 'silent' } },
  );
  assert.deepEqual([code, err], [0, '']);
  return out === ''
    ? []
    : out
        .trimEnd()
        .split('\n')
        .map((line): Told => JSON.parse(line));
}

async function letters(): Promise<number> {
  return (await world.nats.manager.streams.info(STREAMS.deadLetters)).state.messages;
}

/** Has the processor find a message that it cannot understand; the number of its letter. */
async function deadLetter(body: string, subject: string = EVENT_SUBJECTS.created): Promise<number> {
  const before = await letters();
  await world.nats.js.publish(subject, body);
  await eventually(async () => (await letters()) > before);
  return (await world.nats.manager.streams.info(STREAMS.deadLetters)).state.last_seq;
}

function attempts(key: string): Promise<{ code: string }[]> {
  return world.sql('SELECT code FROM millrace.attempts WHERE key = $1 AND ended_at IS NOT NULL', [key]);
}

test('dead letters are listed, shown with their bytes, and dropped once', async () => {
  const first = await deadLetter('{"no": "notification"}');
  const second = await deadLetter('no json');
  const listed = await millrace('dead-letter', 'ls');
  assert.deepEqual(
    listed.map(({ number, code, stream, deliveries, key }) => [number, code, stream, deliveries, key]),
    [
      [first, 'NOT_A_NOTIFICATION', 'EVENTS', 1, null],
      [second, 'UNDECODABLE_JSON', 'EVENTS', 1, null],
    ],
  );
  assert.deepEqual(await millrace('dead-letter', 'ls', '--code', 'UNDECODABLE_JSON'), [listed[1]]);
  assert.deepEqual(await millrace('dead-letter', 'ls', '--limit', '1'), [listed[0]]);
  assert.deepEqual(await millrace('dead-letter', 'ls', '--bucket', 'photos'), []);
  assert.deepEqual(await millrace('dead-letter', 'ls', '--since', '2999-01-01'), []);

  const [shown] = await millrace('dead-letter', 'show', String(second));
  assert.deepEqual([shown?.['body'], shown?.['encoding'], shown?.['cut']], ['no json', 'utf8', false]);

  assert.deepEqual((await millrace('dead-letter', 'drop', String(first), '--dry-run')).at(-1), {
    dropped: 1,
    absent: 0,
    dryRun: true,
  });
  assert.equal((await millrace('dead-letter', 'ls')).length, 2);
  assert.equal((await millrace('dead-letter', 'drop', String(first))).at(-1)?.['dropped'], 1);
  assert.deepEqual((await millrace('dead-letter', 'drop', String(first))).at(-1), {
    dropped: 0,
    absent: 1,
    dryRun: false,
  });
  assert.equal((await millrace('dead-letter', 'drop', '--all')).at(-1)?.['dropped'], 1);
  assert.deepEqual(await millrace('dead-letter', 'ls'), []);
});

test('a letter that names an object is redriven as a work item: the object is rendered, the letter goes, again does nothing', async () => {
  await world.put('photos', 'redriven.jpg', await picture(1));
  await world.settled('photos', 'redriven.jpg');
  const { seq } = await world.nats.js.publish('dead.v1.EVENTS.changes', eventFor('redriven.jpg'), {
    headers: headersOf({ code: 'DELIVERED_TOO_OFTEN', stream: 'EVENTS', subject: EVENT_SUBJECTS.created }),
  });
  await world.sql(`DELETE FROM millrace.objects WHERE key = 'redriven.jpg'`);
  await world.sql(`DELETE FROM millrace.sets WHERE key = 'redriven.jpg'`);

  assert.deepEqual((await millrace('dead-letter', 'redrive', '--prefix', 'redriven', '--dry-run')).at(0), {
    number: seq,
    kind: 'work-item',
    ref: { store: 'main', bucket: 'photos', key: 'redriven.jpg' },
    tier: 'standard',
  });
  assert.equal(await letters(), 1);
  assert.deepEqual((await millrace('dead-letter', 'redrive', '--bucket', 'photos')).at(-1), {
    redriven: 1,
    left: 0,
    absent: 0,
    dryRun: false,
  });
  assert.equal(await letters(), 0);
  await world.settled('photos', 'redriven.jpg');
  assert.equal((await millrace('dead-letter', 'redrive', String(seq))).at(-1)?.['absent'], 1);
});

test('a letter that names no object goes back to its subject, and what was cut is left', async () => {
  const number = await deadLetter('still no json');
  const [done] = await millrace('dead-letter', 'redrive', String(number));
  assert.deepEqual(done, { number, kind: 'message', subject: EVENT_SUBJECTS.created });
  // Nobody has learnt to read it meanwhile.
  await eventually(async () => (await millrace('dead-letter', 'ls')).some((letter) => letter['number'] !== number));
  await millrace('dead-letter', 'drop', '--all');

  await world.nats.js.publish('dead.v1.EVENTS.changes', 'begin', {
    headers: headersOf({
      code: 'UNDECODABLE_JSON',
      stream: 'EVENTS',
      subject: 'events.images.created',
      'size-bytes': '99',
    }),
  });
  const told = await millrace('dead-letter', 'redrive', '--all');
  assert.deepEqual([told[0]?.['kind'], told[0]?.['code'], told[1]?.['left']], ['left', 'LETTER_CUT', 1]);
  assert.equal(await letters(), 1);
  await millrace('dead-letter', 'drop', '--all');
});

test('a refusal is listed and shown, and retry has it rendered again, once per asking', async () => {
  const { bytes } = await picture(2);
  await world.put('photos', 'broken.jpg', { bytes: bytes.subarray(0, 60), contentType: 'image/jpeg' });
  await world.settled('photos', 'broken.jpg', 'NOT_DECODABLE');
  const [listed] = await millrace('refusal', 'ls', '--code', 'NOT_DECODABLE', '--since', '1h');
  assert.deepEqual([listed?.['key'], listed?.['retryAt']], ['broken.jpg', null]);
  assert.deepEqual(await millrace('refusal', 'show', 'photos/broken.jpg'), [listed]);
  assert.deepEqual(await millrace('refusal', 'ls', '--prefix', 'none'), []);

  await millrace('refusal', 'retry', 'photos/broken.jpg', '--dry-run');
  assert.equal((await attempts('broken.jpg')).length, 1);
  const told = await millrace('refusal', 'retry', '--bucket', 'photos');
  assert.deepEqual(told.at(-1), { retried: 1, moved: 0, absent: 0, dryRun: false });
  await eventually(async () => (await attempts('broken.jpg')).length === 2);
  await world.settled('photos', 'broken.jpg', 'NOT_DECODABLE');

  assert.deepEqual((await millrace('refusal', 'retry', 'photos/none.jpg')).at(-1)?.['absent'], 1);
});

test('with no processor a repeated retry commits once; dropping takes the retry back', async () => {
  await world.put('photos', 'later.jpg', { bytes: Buffer.from('nothing'), contentType: 'image/jpeg' });
  await world.settled('photos', 'later.jpg', 'NOT_AN_IMAGE');
  for (const { pid } of world.crew.running()) world.crew.of(pid).pause();
  const revision = async () => (await world.row('photos', 'later.jpg'))?.revision;
  const first = await revision();
  const [once] = await millrace('refusal', 'retry', 'photos/later.jpg');
  const second = await revision();
  const [twice] = await millrace('refusal', 'retry', 'photos/later.jpg');
  assert.deepEqual([once?.['answer'], twice?.['answer'], await revision()], ['changed', 'same', second]);
  assert.notEqual(first, second);
  const [dropped] = await millrace('refusal', 'drop', 'photos/later.jpg');
  assert.equal(dropped?.['answer'], 'changed');
  for (const { pid } of world.crew.running()) world.crew.of(pid).resume();
  await world.settled('photos', 'later.jpg', 'NOT_AN_IMAGE');
  assert.equal((await attempts('later.jpg')).length, 1, 'what was dropped is not tried');
});

test('a change of many that names none, and a letter that is not there, are told with a code', async () => {
  const told = async (...args: string[]) =>
    (await ran([...args, '--config', world.configurationFile], { openDesk }, { env: { MILLRACE_LOG_LEVEL: 'silent' } }))
      .err;
  assert.match(await told('dead-letter', 'drop'), /NOTHING_SELECTED/);
  assert.match(await told('refusal', 'retry'), /NOTHING_SELECTED/);
  assert.match(await told('dead-letter', 'show', '999'), /LETTER_NOT_FOUND.*\nList them/);
  assert.match(await told('refusal', 'show', 'photos/redriven.jpg'), /NO_REFUSAL/);
  assert.match(await told('refusal', 'ls', '--since', 'yesterday'), /USAGE/);
});

function eventFor(key: string): string {
  return JSON.stringify({
    EventName: 's3:ObjectCreated:Put',
    Key: `photos/${key}`,
    Records: [{ eventName: 'ObjectCreated:Put', s3: { bucket: { name: 'photos' }, object: { key } } }],
  });
}

function headersOf(facts: Readonly<Record<string, string>>) {
  const made = headers();
  for (const [name, value] of Object.entries(facts)) made.set(`millrace-${name}`, value);
  return made;
}
