// Traps a and b: on three replicas the consumer's leader changes, and dies; the loop hardly notices.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONSUMERS, EVENT_SUBJECTS, STREAMS } from '../../../workers/model/subjects.ts';
import { connectNats } from '../../../workers/nats/connect.ts';
import { createDeadLetters } from '../../../workers/nats/dead-letters.ts';
import { provisionJetStream } from '../../../workers/nats/provision.ts';
import { startPullLoop } from '../../../workers/nats/pull-loop.ts';
import { AppError } from '../../../workers/platform/errors.ts';
import { createLog } from '../../../workers/platform/log.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { startCluster } from './cluster.ts';

test('messages go on being handled when the leader steps down, and when it is killed; none is lost', async (t) => {
  await using cluster = await startCluster();
  const log = createLog({ role: 'test', level: 'silent' });
  await using nats = await connectNats({ url: cluster.url, name: 'test' }, log);
  // The three have to find each other before anything can be made.
  await eventually(
    async () => {
      try {
        await provisionJetStream(nats, { tiers: [], replicas: 3 });
        return true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return false;
      }
    },
    { timeoutMs: 30_000, intervalMs: 200, what: 'a provisioned cluster' },
  );
  const handled = new Map<number, number>();
  await using loop = startPullLoop(nats, {
    stream: STREAMS.events,
    consumer: CONSUMERS.changes,
    maxInFlight: 16,
    handler: async ({ streamSeq }) => {
      handled.set(streamSeq, performance.now());
      return { kind: 'settled' };
    },
    deadLetters: createDeadLetters(nats, { host: 'test-host' }),
    log,
  });
  const leader = async () => (await nats.manager.consumers.info(STREAMS.events, CONSUMERS.changes)).cluster?.leader;
  const publish = async () => {
    const { seq } = await nats.js.publish(EVENT_SUBJECTS.created, 'x', { retries: 20 });
    return { seq, atMs: performance.now() };
  };
  const gapMs = async () => {
    const { seq, atMs } = await publish();
    await eventually(() => handled.has(seq), { timeoutMs: 30_000, intervalMs: 5 });
    return (handled.get(seq) ?? 0) - atMs;
  };
  await gapMs();

  const before = await leader();
  await nats.connection.request(`$JS.API.CONSUMER.LEADER.STEPDOWN.${STREAMS.events}.${CONSUMERS.changes}`);
  const afterStepDownMs = await gapMs();
  // consume() with its defaults stalls for 43 s here, a fetch loop for a fifth of a second (both measured).
  assert.ok(afterStepDownMs < 6_000, `${afterStepDownMs} ms after a step down`);
  await eventually(async () => (await leader()) !== undefined);

  const doomed = (await leader()) ?? before ?? '';
  await cluster.kill(doomed);
  const afterKillMs = await gapMs();
  assert.ok(afterKillMs < 25_000, `${afterKillMs} ms after a kill`);
  t.diagnostic(
    `handled ${Math.round(afterStepDownMs)} ms after a step down, ${Math.round(afterKillMs)} ms after a kill`,
  );
  for (let n = 0; n < 20; n += 1) await gapMs();
  await eventually(
    async () => {
      const { num_pending, num_ack_pending } = await nats.manager.consumers.info(STREAMS.events, CONSUMERS.changes);
      return num_pending === 0 && num_ack_pending === 0;
    },
    { timeoutMs: 70_000, what: 'everything acked' },
  );
  assert.equal(loop.status().counts.threw, 0);
});

test('no server is left', () => assertNoChildren());
