// The planner on real servers: what no event told is found, what is owed is paid, and what was asked for is bounded, paused, cancelled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionOf, Queue } from '../../workers/jobs/connection.ts';
import { TICKS } from '../../workers/jobs/names.ts';
import { STREAMS } from '../../workers/model/subjects.ts';
import type { BackfillRequest } from '../../workers/model/pass.ts';
import type { Role } from '../../workers/platform/lifecycle.ts';
import { jobsOptions } from '../../workers/roles/connections.ts';
import { openPassDesk, estimateBackfill } from '../../workers/roles/pass-desk.ts';
import { type PlannerHooks, startPlanner } from '../../workers/roles/planner.ts';
import { eventually } from '../harness/eventually.ts';
import { ACK_WAIT_MS, startWorld, TIER, type World } from './harness.ts';
import { picture } from './pictures.ts';

const signal = new AbortController().signal;
const QUICK = { owedEveryS: 1, retryEveryS: 1 };

function planner({ configuration, log }: World, hooks: PlannerHooks = {}): Promise<Role> {
  return startPlanner(configuration, log, signal, { askMs: 50, pauseMs: 50, ackWaitMs: ACK_WAIT_MS, ...hooks });
}

/** Work items by the end of their subject: `bulk.sweep-…`. */
async function items({ nats }: World): Promise<ReadonlyMap<string, number>> {
  const { state } = await nats.manager.streams.info(STREAMS.planned, { subjects_filter: '>' });
  return new Map(
    Object.entries(state.subjects ?? {}).map(([subject, count]) => [subject.split('.').slice(3).join('.'), count]),
  );
}

async function sum(world: World, start: string): Promise<number> {
  return [...(await items(world))].reduce((all, [name, count]) => (name.startsWith(start) ? all + count : all), 0);
}

/** As processors would: so many of the oldest work items are worked off, which must be there. */
async function workOff({ nats }: World, count: number): Promise<void> {
  const consumer = await nats.js.consumers.get(STREAMS.planned, `planned-${TIER}-bulk`);
  for (let done = 0; done < count; ) {
    const batch = await consumer.fetch({ max_messages: count - done, expires: 1_000 });
    for await (const message of batch) {
      await message.ackAck();
      done += 1;
    }
  }
}

const backfillOf = (over: Partial<BackfillRequest> = {}): BackfillRequest => ({
  kind: 'backfill',
  store: 'main',
  bucket: 'photos',
  prefix: '',
  sinceS: null,
  preset: null,
  state: null,
  ...over,
});

test('events that were lost: the sweep that is owed finds the objects, processors render them, the debt is paid', async () => {
  await using world = await startWorld({ configuration: (own) => ({ ...own, planner: QUICK }) });
  const keys = ['a.jpg', 'b/ü.jpg', 'c.jpg'];
  for (const [at, key] of keys.entries()) await world.put('photos', key, await picture(at));
  await eventually(async () => {
    const { purged } = await world.nats.manager.streams.purge(STREAMS.events);
    return purged >= 0 && (await world.nats.manager.streams.info(STREAMS.events)).state.messages === 0;
  });
  await using role = await planner(world);
  await world.crew.hire(1);
  for (const key of keys) await world.settled('photos', key);
  await eventually(async () => (await world.sql('SELECT FROM millrace.owed_sweeps')).length === 0);
  assert.deepEqual(role.checks(), { nats: null, configuration: null, rounds: null });

  // A refusal whose hour has come is tried again, alone and before all bulk.
  const before = await world.row('photos', 'a.jpg');
  await world.sql(
    `UPDATE millrace.objects SET state = 'refused', refusal_code = 'RENDER_TIMEOUT', refusal_message = '', refusal_basis = 'old',
     refusal_retry_at = now() - interval '1 s' WHERE key = 'a.jpg'`,
  );
  await eventually(async () => {
    const row = await world.row('photos', 'a.jpg');
    return row?.state === 'committed' && row.set_id !== before?.set_id;
  });
  await world.settled('photos', 'a.jpg');

  // What was measured meanwhile is what an estimate is made of.
  const other = { ...world.configuration, presets: { ...world.configuration.presets } };
  const thumb = other.presets['thumb'];
  assert.ok(thumb !== undefined);
  other.presets['thumb'] = { ...thumb, longSidePx: 20 };
  const now = await estimateBackfill(world.configuration, backfillOf(), { log: world.log, signal });
  assert.deepEqual([now.counts.listed, now.counts.published, now.isRegistered], [3, 0, true]);
  const then = await estimateBackfill(other, backfillOf(), { log: world.log, signal });
  assert.deepEqual([then.counts.published, then.counts.presets, then.isRegistered], [3, 3, false]);
  assert.ok(then.rate !== null && then.rate.renders >= 4 && then.rate.perS > 0);
  assert.ok(then.etaS !== null && then.etaS > 0 && then.etaS < 60, `${then.etaS} s`);
  await role.stop();
  await world.exact();
});

test('a backfill keeps its bound, is paused, resumed by another planner, and cancelled with all it left', async () => {
  await using world = await startWorld({
    keeper: false,
    configuration: (own) => ({ ...own, planner: { sweepEveryH: 0 } }),
  });
  await world.sql('DELETE FROM millrace.owed_sweeps');
  const one = await picture(1);
  const keys = Array.from({ length: 60 }, (_, at) => `k${String(at).padStart(3, '0')}.jpg`);
  for (const key of keys) await world.put('photos', key, one);

  await using first = await planner(world, { mostOutstanding: 20 });
  await using desk = await openPassDesk(world.configuration, { log: world.log, signal });
  const { id } = await desk.start(backfillOf());
  assert.equal((await desk.start(backfillOf())).isNew, false);
  await eventually(async () => (await sum(world, 'bulk')) === 20, { what: 'the first twenty' });
  await workOff(world, 10);
  // Room is used in portions of a quarter.
  await eventually(async () => (await sum(world, 'bulk')) > 15, { what: 'room that was made to be used' });
  assert.ok((await sum(world, 'bulk')) <= 20);

  assert.equal(await desk.pause(id), true);
  await eventually(async () => (await desk.list())[0]?.state === 'paused', { what: 'the pause' });
  await first.stop();
  await using second = await planner(world, { mostOutstanding: 20 });
  await workOff(world, await sum(world, 'bulk'));
  assert.equal(await sum(world, 'bulk'), 0, 'paused: nothing comes');
  assert.equal(await desk.resume(id), true);
  await eventually(async () => (await sum(world, 'bulk')) === 20, { what: 'twenty more' });

  assert.equal(await desk.cancel(id), 20);
  await eventually(async () => (await desk.list())[0]?.endedAtMs !== null, { what: 'the end' });
  assert.deepEqual([(await desk.list())[0]?.state, await sum(world, '')], ['cancelled', 0]);
  assert.equal(await desk.cancel(id), null);
  await second.stop();
});

test('due retries: as many as may be outstanding, and none again before those are worked off', async () => {
  await using world = await startWorld({
    keeper: false,
    configuration: (own) => ({ ...own, planner: { ...QUICK, sweepEveryH: 0 } }),
  });
  await world.sql('DELETE FROM millrace.owed_sweeps');
  await world.sql(
    `INSERT INTO millrace.objects (store, bucket, key, revision, state, etag, modified_at_s, content_type, user_metadata_hash, size_bytes,
       tier, generation, damaged, committed_at, refusal_code, refusal_message, refusal_basis, refusal_retry_at)
     SELECT 'main', 'photos', 'k' || n, nextval('millrace.revisions'), 'refused', 'e', 1, 't', 'u', 1, $1, 1, false, now(), 'X', '', 'b',
       CASE WHEN n <= 30 THEN now() - n * interval '1 min' ELSE now() + interval '1 h' END FROM generate_series(1, 40) AS n`,
    [TIER],
  );
  await using role = await planner(world, { mostOutstanding: 12 });
  await eventually(async () => (await sum(world, 'urgent.retry')) === 12);
  const queue = new Queue(TICKS, { connection: connectionOf(jobsOptions(world.configuration, 'test')) });
  await eventually(async () => (await queue.getJobs('completed')).filter(({ name }) => name === 'retries').length >= 3);
  await queue.close();
  assert.deepEqual([...(await items(world))], [['urgent.retry', 12]]);
  await role.stop();
});
