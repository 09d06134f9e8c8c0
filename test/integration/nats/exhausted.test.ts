// Messages that JetStream gives up become dead letters with their bytes, and leave a work queue.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nanos } from 'nats';
import { STREAMS } from '../../../workers/model/subjects.ts';
import { createDeadLetters } from '../../../workers/nats/dead-letters.ts';
import { startExhausted } from '../../../workers/nats/exhausted.ts';
import { createWorkItems } from '../../../workers/nats/work-items.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { refOf } from '../../harness/wanted.ts';
import { type Room, startRoom } from './room.ts';

const BULK = 'planned-default-bulk';

/** Delivers what the consumer has until the server will not any more. */
async function exhaust({ nats }: Room, stream: string, consumer: string, deliveries: number): Promise<void> {
  await nats.manager.consumers.update(stream, consumer, { max_deliver: deliveries, ack_wait: nanos(200) });
  const own = await nats.js.consumers.get(stream, consumer);
  let seen = 0;
  await eventually(async () => {
    const message = await own.next({ expires: 1_000 });
    if (message !== null) {
      seen += 1;
      message.nak(1);
    }
    return seen >= deliveries && message === null;
  });
}

test('a work item delivered too often becomes a dead letter with its bytes and headers, and leaves its queue', async () => {
  await using room = await startRoom();
  const { nats, log } = room;
  const item = { v: 1, ref: refOf('a b.jpg'), reason: 'sweep' } as const;
  await createWorkItems(nats).publish('default', 'bulk', 'sweep', item, 'sweep:1');
  await exhaust(room, STREAMS.planned, BULK, 2);
  const { streams } = nats.manager;
  assert.equal((await streams.info(STREAMS.planned)).state.messages, 1, 'JetStream leaves it there');

  await using loop = startExhausted(nats, { deadLetters: createDeadLetters(nats, { host: 'h1' }), log });
  await eventually(async () => (await streams.info(STREAMS.planned)).state.messages === 0);
  await eventually(() => loop.status().counts.acked === 1);
  const letter = await streams.getMessage(STREAMS.deadLetters, { seq: 1 });
  assert.equal(letter?.subject, 'dead.v1.PLANNED.planned-default-bulk');
  assert.deepEqual(letter?.json(), item);
  const header = (name: string) => letter?.header.get(`millrace-${name}`);
  assert.deepEqual(
    [header('code'), header('deliveries'), header('sequence'), header('host'), header('subject')],
    ['MAX_DELIVERIES', '2', '1', 'h1', 'planned.v1.default.bulk.sweep'],
  );
});

test('an event delivered too often becomes a dead letter and stays in its stream; two processes make one letter', async () => {
  await using room = await startRoom();
  const { nats, log } = room;
  await room.publish(1);
  const deadLetters = createDeadLetters(nats, { host: 'h1' });
  await using _first = startExhausted(nats, { deadLetters, log });
  await using _second = startExhausted(await room.connect('second'), { deadLetters, log });
  await exhaust(room, STREAMS.events, 'changes', 2);
  const { streams } = nats.manager;
  await eventually(async () => (await streams.info(STREAMS.deadLetters)).state.messages === 1);
  assert.equal((await streams.info(STREAMS.events)).state.messages, 1);
});

test('advisories about streams of others, and about messages that are gone, are settled in silence', async () => {
  await using room = await startRoom();
  const { nats, log } = room;
  const tell = (stream: string, data: object) =>
    nats.js.publish(`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.x`, JSON.stringify(data));
  await tell('OTHERS', { stream: 'OTHERS', consumer: 'x', stream_seq: 1, deliveries: 5 });
  await tell('PLANNED', { stream: 'PLANNED', consumer: 'x', stream_seq: 99, deliveries: 5 });
  await tell('PLANNED', { stream: 'PLANNED' });
  await using loop = startExhausted(nats, { deadLetters: createDeadLetters(nats, { host: 'h1' }), log });
  await eventually(() => loop.status().counts.acked === 2 && loop.status().counts['dead-lettered'] === 1);
  const { state } = await nats.manager.streams.info(STREAMS.deadLetters);
  assert.equal(state.messages, 1, 'only the advisory that is none');
});

test('no server is left', () => assertNoChildren());
