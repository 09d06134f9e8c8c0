// The pull loop in health: room, lanes shared by several, verdicts, stopping.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nanos } from 'nats';
import { retry, type Verdict } from '../../../workers/model/verdict.ts';
import { EVENT_SUBJECTS, STREAMS } from '../../../workers/model/subjects.ts';
import type { IncomingMessage } from '../../../workers/nats/message.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { eventually } from '../../harness/eventually.ts';
import { nothingHappensFor, startRoom } from './room.ts';

const settled: Verdict = { kind: 'settled' };

test('a message that finds an idle loop starts at once, and is acked', async () => {
  await using room = await startRoom();
  let started = Promise.withResolvers<IncomingMessage>();
  const loop = room.loop({
    handler: async (message) => {
      started.resolve(message);
      return settled;
    },
  });
  await eventually(() => loop.status().state === 'pulling');
  const waitsMs: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    const sentMs = performance.now();
    await room.publish(1);
    const message = await started.promise;
    waitsMs.push(performance.now() - sentMs);
    assert.equal(message.deliveryCount, 1);
    assert.equal(message.stream, 'EVENTS');
    assert.equal(message.consumer, 'changes');
    assert.equal(new TextDecoder().decode(message.data), 'message 0');
    assert.ok(Math.abs(Date.now() - message.timestampMs) < 10_000);
    started = Promise.withResolvers();
  }
  // A pull waits up to four seconds: far above this bound. Usual here: 2 ms, most of it the fsync of the publish.
  const median = waitsMs.toSorted((a, b) => a - b)[10] ?? 0;
  assert.ok(median < 200, `median ${median} ms`);
  await eventually(() => loop.status().counts.acked === 20);
  assert.equal(await room.ackPending(), 0);
});

test('trap c, d: no more messages are out than there are slots, however many wait and however slow the handlers are', async () => {
  await using room = await startRoom();
  let running = 0;
  let most = 0;
  let gate = Promise.withResolvers<void>();
  const loop = room.loop({
    maxInFlight: 4,
    handler: async () => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      running -= 1;
      return settled;
    },
  });
  await room.publish(50);
  await eventually(() => loop.status().state === 'full');
  assert.equal(await room.ackPending(), 4);
  gate.resolve();
  gate = { ...gate, promise: Promise.resolve() };
  await eventually(() => loop.status().counts.acked === 50);
  assert.equal(most, 4);
  assert.equal(loop.status().counts.handedBack, 0);
});

test('a slot that comes free while a smaller pull is open is used by the next message but one', async () => {
  await using room = await startRoom();
  const gates = new Map<number, PromiseWithResolvers<void>>();
  const loop = room.loop({
    maxInFlight: 3,
    handler: async ({ streamSeq }) => {
      const gate = Promise.withResolvers<void>();
      gates.set(streamSeq, gate);
      await gate.promise;
      return settled;
    },
  });
  await room.publish(2);
  await eventually(() => gates.size === 2 && loop.status().state === 'pulling'); // open for one
  gates.get(1)?.resolve();
  gates.get(2)?.resolve();
  await eventually(() => loop.status().inFlight === 0);
  await room.publish(3);
  await eventually(() => gates.size === 5, { timeoutMs: 1_000 });
});

test('without room nothing is fetched; wake() fetches at once', async () => {
  await using room = await startRoom();
  let free = 0;
  const loop = room.loop({ room: () => free, handler: async () => settled });
  await room.publish(3);
  await eventually(() => loop.status().state === 'full');
  await nothingHappensFor(100);
  assert.equal(await room.ackPending(), 0);
  free = 2;
  loop.wake();
  await eventually(() => loop.status().counts.acked === 3, { timeoutMs: 900 });
});

test('two loops share one durable: all is handled once, and both have their part', async () => {
  await using room = await startRoom();
  const seen: number[][] = [[], []];
  const loops = await Promise.all(
    seen.map(async (mine, n) =>
      room.loop(
        {
          maxInFlight: 4,
          handler: async ({ streamSeq }) => {
            mine.push(streamSeq);
            await nothingHappensFor(1); // a little work, so that one of them alone is not faster than the other's start
            return settled;
          },
        },
        await room.connect(`processor-${n}`),
      ),
    ),
  );
  const sequences = await room.publish(300);
  await eventually(() => loops.reduce((sum, loop) => sum + loop.status().counts.acked, 0) === 300);
  assert.deepEqual(
    seen.flat().toSorted((a, b) => a - b),
    sequences.toSorted((a, b) => a - b),
  );
  assert.ok(seen.every((mine) => mine.length > 0));
});

test('every verdict becomes what JetStream calls it', async () => {
  await using room = await startRoom();
  const verdicts: Verdict[] = [
    settled,
    { kind: 'skipped', code: 'NO_SOURCE' },
    { kind: 'handed-over', tier: 'fast', code: 'NO_VOLUME' },
    retry(300, 'CLAIMED_ELSEWHERE'),
    { kind: 'dead-letter', code: 'BAD_EVENT', message: 'no key\r\nin it' },
  ];
  const deliveries: { streamSeq: number; deliveryCount: number; atMs: number }[] = [];
  const loop = room.loop({
    handler: async ({ streamSeq, deliveryCount }) => {
      deliveries.push({ streamSeq, deliveryCount, atMs: performance.now() });
      return deliveryCount === 1 ? (verdicts[streamSeq - 1] ?? settled) : settled;
    },
  });
  for (let n = 0; n < verdicts.length; n += 1) await room.publish(1);
  await eventually(() => loop.status().counts.acked === 4);
  await eventually(async () => (await room.ackPending()) === 0);
  assert.deepEqual(loop.status().counts, {
    taken: 6,
    acked: 4,
    'put-back': 1,
    'dead-lettered': 1,
    unconfirmed: 0,
    threw: 0,
    handedBack: 0,
    lost: 0,
  });
  const [first, again] = deliveries.filter(({ streamSeq }) => streamSeq === 4);
  assert.equal(again?.deliveryCount, 2);
  assert.ok((again?.atMs ?? 0) - (first?.atMs ?? 0) >= 290);
});

test('a dead letter is the message as it was, with why; a second copy of it is none; the advisory is kept', async () => {
  await using room = await startRoom();
  const { js, manager } = room.nats;
  const { headers } = await import('nats');
  const given = headers();
  given.set('traceparent', '00-abc');
  given.set('Nats-Msg-Id', 'mine');
  given.set('Nats-Expected-Stream', 'EVENTS'); // copied, it would have DEAD_LETTERS refuse the letter
  await js.publish(EVENT_SUBJECTS.removed, new Uint8Array([0xff, 0x00]), { headers: given });
  let times = 0;
  const loop = room.loop({
    consumer: 'removals',
    handler: async () => ({ kind: 'dead-letter', code: 'BAD_EVENT', message: 'not\r\nJSON' }),
    reached: (step) => {
      if (step === 'settled') times += 1;
    },
  });
  await eventually(() => loop.status().counts['dead-lettered'] === 1);
  const letter = await manager.streams.getMessage(STREAMS.deadLetters, { seq: 1 });
  assert.equal(letter?.subject, 'dead.v1.EVENTS.removals');
  assert.deepEqual(letter?.data, new Uint8Array([0xff, 0x00]));
  const header = (name: string) => letter?.header.get(name);
  assert.equal(header('traceparent'), '00-abc');
  assert.equal(header('Nats-Msg-Id'), 'EVENTS:1');
  assert.equal(header('millrace-code'), 'BAD_EVENT');
  assert.equal(header('millrace-reason'), 'not JSON');
  assert.equal(header('millrace-subject'), EVENT_SUBJECTS.removed);
  assert.equal(header('millrace-deliveries'), '1');
  assert.equal(header('millrace-host'), 'test-host');
  assert.match(header('millrace-first-seen') ?? '', /^\d{4}-\d\d-\d\dT/);
  // trap n: advisories reach only who listens at that moment, so a stream does.
  const advisory = await eventually(() =>
    manager.streams.getMessage(STREAMS.advisories, {
      last_by_subj: '$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.EVENTS.removals',
    }),
  );
  assert.equal(advisory.json<{ reason: string }>().reason, 'BAD_EVENT');

  // As if the term had been lost: the same message buried again.
  await loop.stop();
  await manager.consumers.delete(STREAMS.events, 'removals');
  const { provisionJetStream } = await import('../../../workers/nats/provision.ts');
  await provisionJetStream(room.nats, { tiers: ['default'], replicas: 1 });
  const again = room.loop({
    consumer: 'removals',
    handler: async () => ({ kind: 'dead-letter', code: 'BAD_EVENT', message: '' }),
  });
  await eventually(() => again.status().counts['dead-lettered'] === 1);
  assert.equal((await manager.streams.info(STREAMS.deadLetters)).state.messages, 1);
  assert.equal(times, 1);
});

test('a message put back ninety times becomes a dead letter before max_deliver makes it vanish', async () => {
  await using room = await startRoom();
  const loop = room.loop({ handler: async () => retry(1, 'CLAIMED_ELSEWHERE') });
  await room.publish(1);
  await eventually(() => loop.status().counts['dead-lettered'] === 1, { timeoutMs: 20_000 });
  const letter = await room.nats.manager.streams.getMessage(STREAMS.deadLetters, { seq: 1 });
  assert.equal(letter?.header.get('millrace-code'), 'DELIVERED_TOO_OFTEN');
  assert.match(letter?.header.get('millrace-reason') ?? '', /90 times.*CLAIMED_ELSEWHERE/);
});

test('working() keeps a message that takes longer than ack_wait', async () => {
  await using room = await startRoom();
  await room.nats.manager.consumers.update(STREAMS.events, 'changes', { ack_wait: nanos(1_000) });
  let deliveries = 0;
  const loop = room.loop({
    workingEveryMs: 300,
    handler: async () => {
      deliveries += 1;
      await nothingHappensFor(2_500);
      return settled;
    },
  });
  await room.publish(1);
  await eventually(() => loop.status().counts.acked === 1);
  assert.equal(deliveries, 1);
});

test('trap h: a late ack is accepted although another holds the message: acks are no fence', async () => {
  await using room = await startRoom();
  await room.nats.manager.consumers.update(STREAMS.events, 'changes', { ack_wait: nanos(1_000) });
  const late = Promise.withResolvers<void>();
  const slow = room.loop({
    maxInFlight: 1,
    workingEveryMs: 60_000,
    handler: async () => {
      await late.promise;
      return settled;
    },
  });
  await room.publish(1);
  await eventually(() => slow.status().inFlight === 1);
  const held = Promise.withResolvers<void>();
  const other = room.loop({ handler: async () => (await held.promise, settled) }, await room.connect('other'));
  await eventually(() => other.status().inFlight === 1);
  late.resolve();
  await eventually(() => slow.status().counts.acked === 1);
  held.resolve();
  await eventually(() => other.status().inFlight === 0);
});

test('trap e, f: stop() finishes what runs, hands back what was not started, and leaves nothing un-acked behind', async () => {
  await using room = await startRoom();
  for (let round = 0; round < 5; round += 1) {
    const nats = await room.connect('stopping');
    const seen = new Set<number>();
    const loop = room.loop(
      {
        maxInFlight: 8,
        handler: async ({ streamSeq }) => {
          seen.add(streamSeq);
          return settled;
        },
      },
      nats,
    );
    await room.publish(200);
    await eventually(() => seen.size > 5 + round * 7, { intervalMs: 1 });
    assert.deepEqual(await loop.stop(), { left: 0 });
    assert.equal(loop.status().state, 'stopped');
    assert.deepEqual(await loop.stop(), { left: 0 });
    await loop.drained;
    await nats.close();
    const { acked, unconfirmed, taken } = loop.status().counts;
    assert.deepEqual([acked, unconfirmed], [taken, 0]);
    // What was handed back counts for the quarter of a second that it waits; anything else would for ack_wait, a minute.
    const info = () => room.nats.manager.consumers.info('EVENTS', 'changes');
    const other = room.loop({ handler: async () => settled });
    await eventually(async () => (await info()).num_pending === 0 && (await info()).num_ack_pending === 0, {
      timeoutMs: 5_000,
    });
    await other.stop();
  }
});

test('what still runs at the deadline is told, left, and handed to somebody else', async () => {
  await using room = await startRoom();
  const nats = await room.connect('overdue');
  const told: string[] = [];
  const never = Promise.withResolvers<Verdict>();
  const loop = room.loop(
    {
      handler: async ({ streamSeq }, signal) => {
        if (streamSeq === 1) return never.promise; // deaf
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.push('given up');
        return retry(1, 'STOPPING');
      },
    },
    nats,
  );
  await room.publish(2);
  await eventually(() => loop.status().inFlight === 2);
  assert.deepEqual(await loop.stop(50), { left: 1 });
  assert.deepEqual(told, ['given up']);
  const other = room.loop({ handler: async () => settled });
  await eventually(() => other.status().counts.acked === 2, { timeoutMs: 3_000 });
  never.resolve(settled); // too late: void here, and nothing breaks
  await eventually(() => loop.status().inFlight === 0);
  assert.equal(loop.status().counts.unconfirmed, 1);
});

test('a second stop() may shorten the deadline of the first', async () => {
  await using room = await startRoom();
  const loop = room.loop({ handler: () => new Promise(() => {}) });
  await room.publish(1);
  await eventually(() => loop.status().inFlight === 1);
  const patient = loop.stop(60_000);
  assert.deepEqual(await loop.stop(10), { left: 1 });
  assert.deepEqual(await patient, { left: 1 });
});

test('no server is left', () => assertNoChildren());
