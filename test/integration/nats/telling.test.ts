// Outcomes and work items: confirmed by the stream, once each however often they are repeated.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeWorkItem, type Outcome } from '../../../workers/model/messages.ts';
import { STREAMS } from '../../../workers/model/subjects.ts';
import { readLag } from '../../../workers/nats/lag.ts';
import { createOutcomes } from '../../../workers/nats/outcomes.ts';
import { watchOutcomes } from '../../../workers/nats/outcome-watch.ts';
import { createWorkItems } from '../../../workers/nats/work-items.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { refOf, versionOf } from '../../harness/wanted.ts';
import { startRoom } from './room.ts';

function outcomeOf(key: string, revision: number): Outcome {
  return {
    v: 1,
    ref: refOf(key, 'my.photos'),
    revision,
    state: 'plain',
    version: versionOf(),
    set: null,
    renditions: [],
    damaged: false,
    metadata: null,
    refusal: null,
    committedAtMs: 1,
  };
}

test('an outcome told twice is one message, on a subject that any bucket name fits into', async () => {
  await using room = await startRoom();
  const outcomes = createOutcomes(room.nats);
  const told: Outcome[] = [];
  using _watch = await watchOutcomes(room.nats, (outcome) => void told.push(outcome));
  await outcomes.tell(outcomeOf('a', 7));
  await outcomes.tell(outcomeOf('a', 7));
  await outcomes.tell(outcomeOf('a', 8));
  await outcomes.tell(outcomeOf('b', 8));
  const { manager } = room.nats;
  assert.equal((await manager.streams.info(STREAMS.outcomes)).state.messages, 3);
  const first = await manager.streams.getMessage(STREAMS.outcomes, { seq: 1 });
  assert.equal(first?.subject, 'renditions.v1.main.my_2ephotos.plain');
  assert.deepEqual(first?.json(), outcomeOf('a', 7));
  await eventually(() => told.length >= 3);
});

test('nothing is told by a publish that nobody confirms', async () => {
  await using room = await startRoom();
  const outcomes = createOutcomes(room.nats);
  await room.nats.manager.streams.delete(STREAMS.outcomes);
  await assert.rejects(outcomes.tell(outcomeOf('a', 1)), { code: 'STREAM_MISSING', disposition: 'retry' });
  room.server.pause();
  await assert.rejects(outcomes.tell(outcomeOf('a', 1)), { code: 'NATS_TIMEOUT', disposition: 'retry' });
  room.server.resume();
});

test('a work item goes to its lane, once for each message id', async () => {
  await using room = await startRoom();
  const items = createWorkItems(room.nats);
  const item = { v: 1, ref: refOf('ä b/c%.jpg'), reason: 'sweep' } as const;
  await items.publish('default', 'bulk', 'sweep', item, 'sweep:1');
  await items.publish('default', 'bulk', 'sweep', item, 'sweep:1');
  await items.publish('default', 'urgent', 'live', item, 'EVENTS:1');
  assert.deepEqual(await readLag(room.nats, STREAMS.planned, 'planned-default-bulk'), {
    pending: 1,
    underWay: 0,
    pulls: 0,
    ended: 0,
  });
  assert.deepEqual(await readLag(room.nats, STREAMS.planned, 'planned-default-urgent'), {
    pending: 1,
    underWay: 0,
    pulls: 0,
    ended: 0,
  });
  await assert.rejects(readLag(room.nats, STREAMS.planned, 'planned-other-urgent'), { code: 'CONSUMER_MISSING' });

  const seen: unknown[] = [];
  const loop = room.loop({
    stream: STREAMS.planned,
    consumer: 'planned-default-bulk',
    handler: async ({ data, subject }) => {
      seen.push([subject, decodeWorkItem(data)]);
      return { kind: 'settled' };
    },
  });
  await eventually(() => loop.status().counts.acked === 1);
  assert.deepEqual(seen, [['planned.v1.default.bulk.sweep', item]]);
});

test('a full stream refuses new work in a way that can be told apart', async () => {
  await using room = await startRoom({ tiers: ['default'], replicas: 1, maxBytes: { planned: 2_000 } });
  const items = createWorkItems(room.nats);
  const item = { v: 1, ref: refOf('x'.repeat(500)), reason: 'sweep' } as const;
  await assert.rejects(
    async () => {
      for (let n = 0; n < 10; n += 1) await items.publish('default', 'bulk', 'sweep', item, `sweep:${n}`);
    },
    (error) => isAppError(error, 'STREAM_FULL'),
  );
});

test('outcomes that nobody reads do not stop anything: the oldest give way', async () => {
  await using room = await startRoom({ tiers: ['default'], replicas: 1, maxBytes: { outcomes: 5_000 } });
  const outcomes = createOutcomes(room.nats);
  for (let revision = 1; revision <= 40; revision += 1) await outcomes.tell(outcomeOf('a', revision));
  const { state } = await room.nats.manager.streams.info(STREAMS.outcomes);
  assert.equal(state.last_seq, 40);
  assert.ok(state.messages < 40);
});

test('no server is left', () => assertNoChildren());
