// Purging EVENTS: what is handled goes, what is not stays, whoever is idle and whatever arrives meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from 'nats';
import type { Verdict } from '../../../workers/model/verdict.ts';
import { EVENT_SUBJECTS, STREAMS } from '../../../workers/model/subjects.ts';
import type { Nats } from '../../../workers/nats/connect.ts';
import { purgeAcked, type PurgeAlarm, startPurge } from '../../../workers/nats/purge.ts';
import { provisionJetStream } from '../../../workers/nats/provision.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { OPTIONS, type Room, startRoom } from './room.ts';

const settled: Verdict = { kind: 'settled' };
const QUICK = { settleMs: 100 };

async function first(room: Room): Promise<number> {
  return (await room.nats.manager.streams.info(STREAMS.events)).state.first_seq;
}

test('an idle filtered consumer, whose ack floor stands still, holds nothing back', async () => {
  await using room = await startRoom();
  const changes = room.loop({ handler: async () => settled });
  const removals = room.loop({ consumer: 'removals', handler: async () => settled });
  await room.publish(1, EVENT_SUBJECTS.removed);
  await room.publish(50);
  await eventually(() => changes.status().counts.acked === 50 && removals.status().counts.acked === 1);
  const { ack_floor } = await room.nats.manager.consumers.info('EVENTS', 'removals');
  assert.equal(ack_floor.stream_seq, 1);
  assert.deepEqual(await purgeAcked(room.nats, QUICK), { purged: 51, floor: 51, firstSeq: 1, lastSeq: 51 });
  assert.deepEqual(await purgeAcked(room.nats, QUICK), { purged: 0, floor: 51, firstSeq: 52, lastSeq: 51 });
});

test('nothing un-acked is purged: not what runs, not what waits, not what was put back, not another consumer’s', async () => {
  await using room = await startRoom();
  const gate = Promise.withResolvers<void>();
  const loop = room.loop({
    handler: async ({ streamSeq, deliveryCount }) => {
      if (streamSeq === 4) await gate.promise;
      if (streamSeq === 6 && deliveryCount === 1) return { kind: 'retry', afterMs: 1_500, code: 'LATER' };
      return settled;
    },
  });
  await room.publish(10);
  await eventually(() => loop.status().counts.acked === 8);
  assert.equal((await purgeAcked(room.nats, QUICK)).floor, 3);
  assert.equal(await first(room), 4);
  gate.resolve();
  await eventually(() => loop.status().counts.acked === 9);
  assert.equal((await purgeAcked(room.nats, QUICK)).floor, 5);
  await eventually(() => loop.status().counts.acked === 10);
  await room.nats.manager.consumers.add('EVENTS', {
    durable_name: 'audit',
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: 9,
  });
  assert.equal((await purgeAcked(room.nats, QUICK)).floor, 8);
  await room.nats.manager.consumers.delete('EVENTS', 'audit');
  await room.publish(1, EVENT_SUBJECTS.removed); // nobody takes removals here
  assert.ok((await purgeAcked(room.nats, QUICK)).floor <= 10);
  assert.equal((await room.nats.manager.streams.info('EVENTS')).state.last_seq, 11);
  assert.ok((await first(room)) <= 11);
});

test('without one of our consumers nothing is purged', async () => {
  await using room = await startRoom();
  const loop = room.loop({ handler: async () => settled });
  await room.publish(5);
  await eventually(() => loop.status().counts.acked === 5);
  await room.nats.manager.consumers.delete('EVENTS', 'removals');
  await assert.rejects(purgeAcked(room.nats, QUICK), { code: 'CONSUMER_MISSING' });
  assert.equal(await first(room), 1);
});

test('deliver race: purges beside publishers and handlers lose no message', async () => {
  await using room = await startRoom();
  const handled = new Set<number>();
  const note = async ({ streamSeq }: { readonly streamSeq: number }) => {
    handled.add(streamSeq);
    return settled;
  };
  room.loop({ handler: note }, await room.connect());
  room.loop({ consumer: 'removals', handler: note }, await room.connect());
  const purger = await room.connect();
  const over = new AbortController();
  let purged = 0;
  const purging = (async () => {
    while (!over.signal.aborted) purged += (await purgeAcked(purger, { settleMs: 20 })).purged;
  })();
  const sequences: number[] = [];
  for (let n = 0; n < 400; n += 1) {
    const subject = n % 7 === 0 ? EVENT_SUBJECTS.removedJournal : EVENT_SUBJECTS.createdJournal;
    sequences.push(...(await room.publish(n % 5, subject)));
  }
  await eventually(() => handled.size === sequences.length, { what: 'everything handled' });
  over.abort();
  await purging;
  assert.ok(purged > sequences.length / 2, `${purged} of ${sequences.length} purged meanwhile`);
});

test('deliver race: an event that arrives between any two steps of a purge is not taken for handled', async () => {
  await using room = await startRoom();
  const loop = room.loop({ handler: async () => settled });
  await room.publish(5);
  await eventually(() => loop.status().counts.acked === 5);
  await loop.stop();
  const arriving: number[] = [];
  const arrive = async () => void arriving.push(...(await room.publish(1)));
  const { manager } = room.nats;
  const racing: Nats = {
    ...room.nats,
    manager: Object.assign(Object.create(manager), {
      streams: Object.assign(Object.create(manager.streams), {
        info: async (name: string) => {
          const info = await manager.streams.info(name);
          await arrive();
          return info;
        },
      }),
      consumers: Object.assign(Object.create(manager.consumers), {
        list: async function* (stream: string) {
          yield* manager.consumers.list(stream);
          await arrive();
        },
      }),
    }),
  };
  await purgeAcked(racing, QUICK);
  await purgeAcked(racing, QUICK);
  assert.equal(arriving.length, 4);
  assert.equal(await first(room), arriving[0]);
});

test('a stream that is half full is purged before its hour; a full one, and one that lost events, raise an alarm once', async () => {
  await using room = await startRoom({ ...OPTIONS, maxBytes: { events: 20_000 } });
  const alarms: PurgeAlarm[] = [];
  await using _purge = startPurge(
    room.nats,
    { everyMs: 3_600_000, firstMs: 0, lookEveryMs: 50, settleMs: 50, onAlarm: (alarm) => void alarms.push(alarm) },
    room.log,
  );
  const isPurged = () => room.lines.filter(({ msg }) => msg === 'events purged').length;
  await eventually(() => isPurged() === 1); // with the start
  const loop = room.loop({ handler: async () => settled });
  await room.publish(10);
  await eventually(() => loop.status().counts.acked === 10);
  assert.equal(await first(room), 1);
  await room.publish(200);
  await eventually(async () => (await first(room)) > 11);
  assert.equal(alarms.length, 0);

  await loop.stop();
  await assert.rejects(async () => {
    for (;;) await room.publish(1);
  });
  await eventually(() => alarms.length === 1);
  assert.deepEqual(alarms, ['EVENTS_FULL']);

  await room.nats.manager.streams.update('EVENTS', { max_age: nanos(100), duplicate_window: nanos(100) });
  await eventually(() => alarms.includes('EVENTS_LOST'));
  await eventually(() => isPurged() > 3);
  assert.deepEqual(alarms, ['EVENTS_FULL', 'EVENTS_LOST']);
});

test('events that are gone because the stream was made anew raise the alarm', async () => {
  await using room = await startRoom();
  const alarms: PurgeAlarm[] = [];
  await using _purge = startPurge(
    room.nats,
    { firstMs: 0, lookEveryMs: 50, settleMs: 20, onAlarm: (alarm) => void alarms.push(alarm) },
    room.log,
  );
  await eventually(() => room.lines.some(({ msg }) => msg === 'events purged'));
  await room.nats.manager.streams.delete('EVENTS');
  await eventually(() => room.lines.some(({ msg, code }) => msg === 'events not purged' && code === 'STREAM_MISSING'));
  await provisionJetStream(room.nats, OPTIONS);
  await eventually(() => alarms.length > 0);
  assert.deepEqual(alarms, ['EVENTS_LOST']);
});

test('no server is left', () => assertNoChildren());
