// The pull loop when something breaks: the server, the consumer, the connection, the handler. It always goes on by itself.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { nanos } from 'nats';
import type { Verdict } from '../../../workers/model/verdict.ts';
import { CONSUMERS, STREAMS } from '../../../workers/model/subjects.ts';
import { provisionJetStream } from '../../../workers/nats/provision.ts';
import { AppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { nothingHappensFor, OPTIONS, type Room, startRoom } from './room.ts';

const settled: Verdict = { kind: 'settled' };

/** Short enough to wait for in a test. */
async function shortAckWait(room: Room, ms = 1_000): Promise<void> {
  await room.nats.manager.consumers.update(STREAMS.events, CONSUMERS.changes, { ack_wait: nanos(ms) });
}

async function nothingLeft(room: Room): Promise<void> {
  await eventually(
    async () => {
      const { num_pending, num_ack_pending } = await room.nats.manager.consumers.info('EVENTS', 'changes');
      return num_pending === 0 && num_ack_pending === 0;
    },
    { timeoutMs: 20_000, what: 'everything acked' },
  );
}

test('I1: a process that dies between its work and its ack: the message comes again', async () => {
  await using room = await startRoom();
  await shortAckWait(room);
  const doomed = await room.connect('doomed');
  const dying = room.loop(
    {
      handler: async () => settled,
      reached: async (step) => {
        if (step === 'settling') await doomed.connection.close();
      },
    },
    doomed,
  );
  await room.publish(1);
  await eventually(() => doomed.state === 'closed');
  assert.match((await doomed.closed)?.code ?? '', /NATS_CLOSED/);
  const counts: number[] = [];
  room.loop({
    handler: async ({ deliveryCount }) => {
      counts.push(deliveryCount);
      return settled;
    },
  });
  await eventually(() => counts.length === 1);
  assert.deepEqual(counts, [2]);
  await nothingLeft(room);
  await eventually(() => dying.status().counts.unconfirmed === 1);
});

test('NATS killed and started again in the middle of the work: all is handled, nothing is lost, the loop goes on', async () => {
  await using room = await startRoom();
  await shortAckWait(room, 2_000);
  const handled = new Map<number, number>();
  const gate = Promise.withResolvers<void>();
  const loop = room.loop({
    maxInFlight: 4,
    workingEveryMs: 500,
    handler: async ({ streamSeq }) => {
      await gate.promise;
      handled.set(streamSeq, (handled.get(streamSeq) ?? 0) + 1);
      return settled;
    },
  });
  const sequences = await room.publish(20);
  await eventually(() => loop.status().inFlight === 4);
  await room.server.kill9();
  await eventually(() => room.nats.state === 'reconnecting');
  await room.server.restart();
  gate.resolve();
  await nothingLeft(room);
  assert.deepEqual(
    [...handled.keys()].toSorted((a, b) => a - b),
    sequences.toSorted((a, b) => a - b),
  );
  await eventually(() => loop.status().state === 'pulling');
  // And as quick as before.
  const again = await room.publish(1);
  await eventually(() => handled.has(again[0] ?? 0), { timeoutMs: 1_000 });
});

test('trap g: an ack that goes into a dead connection is noticed, and the message comes again', async () => {
  await using room = await startRoom();
  await shortAckWait(room);
  const gate = Promise.withResolvers<void>();
  let deliveries = 0;
  const loop = room.loop({
    handler: async () => {
      deliveries += 1;
      await gate.promise;
      return settled;
    },
  });
  await room.publish(1);
  await eventually(() => deliveries === 1);
  await room.server.kill9();
  await eventually(() => room.nats.state === 'reconnecting');
  gate.resolve();
  await eventually(() => loop.status().counts.unconfirmed === 1, { timeoutMs: 8_000 });
  await room.server.restart();
  await nothingLeft(room);
  assert.ok(room.lines.some(({ msg, code }) => msg.startsWith('ack not confirmed') && code === 'NATS_TIMEOUT'));
});

test('a consumer that is deleted is waited for, visibly; made anew it replays the stream and the loop goes on', async () => {
  await using room = await startRoom();
  const seen: number[] = [];
  const loop = room.loop({
    handler: async ({ streamSeq }) => {
      seen.push(streamSeq);
      return settled;
    },
  });
  await room.publish(2);
  await eventually(() => loop.status().counts.acked === 2);
  await room.nats.manager.consumers.delete('EVENTS', 'changes');
  await eventually(() => loop.status().code === 'CONSUMER_MISSING');
  await room.publish(1);
  await nothingHappensFor(300);
  assert.deepEqual(loop.status().state, 'troubled');
  await provisionJetStream(room.nats, OPTIONS);
  await eventually(() => loop.status().counts.acked === 5);
  assert.deepEqual(seen, [1, 2, 1, 2, 3]);
  assert.equal(loop.status().code, null);
  assert.equal(room.lines.filter(({ msg }) => msg.startsWith('pull loop in trouble')).length, 1);
  assert.equal(room.lines.filter(({ msg }) => msg === 'pull loop out of trouble').length, 1);
});

test('a stream that is deleted is waited for too', async () => {
  await using room = await startRoom();
  const loop = room.loop({ handler: async () => settled });
  await eventually(() => loop.status().state === 'pulling');
  await room.nats.manager.streams.delete('EVENTS');
  await eventually(() => loop.status().code === 'STREAM_MISSING' || loop.status().code === 'CONSUMER_MISSING');
  await provisionJetStream(room.nats, OPTIONS);
  await room.publish(1);
  await eventually(() => loop.status().counts.acked === 1);
});

test('a frozen server is noticed by its heartbeats and resumed from', async () => {
  await using room = await startRoom();
  const loop = room.loop({ handler: async () => settled });
  await eventually(() => loop.status().state === 'pulling');
  room.server.pause();
  await eventually(() => loop.status().state === 'troubled', { timeoutMs: 15_000 });
  room.server.resume();
  await room.publish(1);
  await eventually(() => loop.status().counts.acked === 1);
  await eventually(() => loop.status().state === 'pulling');
});

test('trap o: credentials that are refused many times do not end the connection', async () => {
  await using room = await startRoom();
  const file = join(dirname(dirname(room.server.logFile)), 'nats', 'nats-server.json');
  const good = await readFile(file, 'utf8');
  const loop = room.loop({ handler: async () => settled });
  await eventually(() => loop.status().state === 'pulling');
  await writeFile(file, good.replace(room.server.password, 'another'));
  await room.server.restart();
  const refusals = () => room.lines.filter(({ msg }) => msg === 'NATS reported an error').length;
  await eventually(() => refusals() >= 3);
  assert.equal(room.nats.state, 'reconnecting');
  await writeFile(file, good);
  await room.server.restart();
  await eventually(() => room.nats.state === 'connected');
  await room.publish(1);
  await eventually(() => loop.status().counts.acked === 1);
});

test('a handler that throws loses nothing: the message comes again, later, and the error is logged with its code', async () => {
  await using room = await startRoom();
  const loop = room.loop({
    random: () => 0.2,
    handler: async ({ deliveryCount }) => {
      if (deliveryCount === 1) throw new AppError('INDEX_AWAY', 'the database does not answer');
      return settled;
    },
  });
  await room.publish(1);
  await eventually(() => loop.status().counts.acked === 1);
  assert.equal(loop.status().counts.threw, 1);
  assert.ok(room.lines.some(({ msg, code }) => msg.startsWith('handler threw') && code === 'INDEX_AWAY'));
});

test('trap k: in an outage that fails every message only a few are out, and all are handled when it is over', async () => {
  await using room = await startRoom();
  let isOver = false;
  let attempts = 0;
  const loop = room.loop({
    maxInFlight: 4,
    random: () => 0.3,
    handler: async () => {
      attempts += 1;
      if (!isOver) throw new AppError('INDEX_AWAY', 'the database does not answer');
      return settled;
    },
  });
  await room.publish(200);
  await eventually(() => loop.status().pauseMs > 0);
  const before = attempts;
  await nothingHappensFor(1_500);
  // Without the pause: hundreds of attempts a second, and all 200 put back and counting.
  assert.ok(attempts - before <= 3, `${attempts - before} attempts in 1.5 s`);
  assert.ok((await room.ackPending()) <= 8);
  isOver = true;
  await eventually(() => loop.status().counts.acked === 200, { timeoutMs: 20_000 });
  assert.equal(loop.status().pauseMs, 0);
});

test('one message that always fails stops nobody', async () => {
  await using room = await startRoom();
  const loop = room.loop({
    random: () => 0.01,
    handler: async ({ streamSeq }) => {
      if (streamSeq === 1) throw new Error('always');
      return settled;
    },
  });
  await room.publish(1);
  await eventually(() => loop.status().counts.threw >= 4);
  assert.equal(loop.status().pauseMs, 0);
  await room.publish(50);
  await eventually(() => loop.status().counts.acked === 50, { timeoutMs: 2_000 });
});

test('a dead letter that cannot be written leaves the message where it is', async () => {
  await using room = await startRoom();
  await room.nats.manager.streams.delete(STREAMS.deadLetters);
  const loop = room.loop({
    random: () => 0.1,
    handler: async () => ({ kind: 'dead-letter', code: 'BAD_EVENT', message: 'no JSON' }),
  });
  await room.publish(1);
  await eventually(() => loop.status().counts['put-back'] >= 2);
  assert.equal(loop.status().counts['dead-lettered'], 0);
  await provisionJetStream(room.nats, OPTIONS);
  await eventually(() => loop.status().counts['dead-lettered'] === 1);
  await nothingLeft(room);
});

test('trap l: in a work queue a buried item is copied first and then gone', async () => {
  await using room = await startRoom();
  await room.nats.js.publish('planned.v1.default.urgent.live', 'rubbish');
  const loop = room.loop({
    stream: STREAMS.planned,
    consumer: 'planned-default-urgent',
    handler: async () => ({ kind: 'dead-letter', code: 'BAD_ITEM', message: 'rubbish' }),
  });
  await eventually(() => loop.status().counts['dead-lettered'] === 1);
  await eventually(async () => (await room.nats.manager.streams.info(STREAMS.planned)).state.messages === 0);
  assert.equal((await room.nats.manager.streams.info(STREAMS.deadLetters)).state.messages, 1);
});

test('trap m, n: a message that kills its processors until max_deliver leaves an advisory in a stream', async () => {
  await using room = await startRoom();
  await room.nats.manager.consumers.update('EVENTS', 'changes', { ack_wait: nanos(500), max_deliver: 2 });
  const loop = room.loop({ workingEveryMs: 60_000, handler: () => new Promise(() => {}) });
  await room.publish(1);
  const advisory = await eventually(
    () =>
      room.nats.manager.streams.getMessage(STREAMS.advisories, {
        last_by_subj: '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.changes',
      }),
    { timeoutMs: 8_000 },
  );
  assert.equal(advisory.json<{ stream_seq: number }>().stream_seq, 1);
  assert.equal(loop.status().counts.taken, 2);
});

test('no server is left', () => assertNoChildren());
