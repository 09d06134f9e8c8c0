// Passes on the real job store: once at a time, from the checkpoint after a death, paused, resumed, cancelled; outages cost nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openPasses } from '../../../workers/jobs/passes.ts';
import type { RunningPass } from '../../../workers/jobs/pass-worker.ts';
import { provisionJobs } from '../../../workers/jobs/provision-jobs.ts';
import { startTicks } from '../../../workers/jobs/ticks.ts';
import type { PassProgress } from '../../../workers/model/pass.ts';
import { AppError, isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { endless, log, NOTHING, nothingHappensFor, REQUEST, startRoom, worksFor } from './room.ts';

describe('planned jobs', () => {
  let servers: TestServers<{ postgres: true }>;
  before(async () => {
    servers = await startTestServers({ postgres: true });
  });
  after(async () => {
    await servers.stop();
    assertNoChildren();
  });

  test('what was not provisioned is said by name; provisioning twice changes nothing', async () => {
    const options = { url: await servers.postgres.createDatabase(), applicationName: 'test' };
    await assert.rejects(openPasses(options, log), (error) => isAppError(error, 'JOBS_NOT_PROVISIONED'));
    await assert.rejects(startTicks(options, {}, log), (error) => isAppError(error, 'JOBS_NOT_PROVISIONED'));
    await Promise.all([provisionJobs(options), provisionJobs(options)]);
    await using passes = await openPasses(options, log);
    assert.deepEqual(await passes.list(), []);
  });

  test('the same request is one job while it lasts, and a new one afterwards', async () => {
    await using here = await startRoom(servers.postgres);
    const first = await here.passes.start(REQUEST);
    assert.deepEqual(await here.passes.start(REQUEST), { id: first.id, isNew: false });
    assert.match(first.id, /^sweep-[0-9a-f]{16}$/);
    let runs = 0;
    here.worker(async () => {
      runs += 1;
      return { checkpoint: null, counts: { listed: runs } };
    });
    await here.becomes('done');
    assert.deepEqual(
      (await here.passes.list()).map(({ counts }) => counts),
      [{ listed: 1 }],
    );
    assert.deepEqual(await here.passes.start(REQUEST), { id: first.id, isNew: true });
    await eventually(async () => (await here.passes.list())[0]?.counts['listed'] === 2);
    assert.equal((await here.passes.list()).length, 1);
  });

  test('a pass that failed or was cancelled begins anew from the beginning, and runs', async () => {
    await using here = await startRoom(servers.postgres);
    const { id } = await here.passes.start(REQUEST);
    const seen: (string | null)[] = [];
    here.worker(async (pass) => {
      seen.push(pass.checkpoint);
      await pass.save({ checkpoint: 'k1', counts: { listed: 1 } });
      if (seen.length === 1) throw new AppError('ACCESS_DENIED', 'no', { disposition: 'fatal' });
      return seen.length === 2 ? endless(pass) : NOTHING;
    });
    await here.becomes('failed');
    await here.passes.start(REQUEST);
    await eventually(() => seen.length === 2);
    await here.passes.ask(id, 'cancel');
    await eventually(async () => (await here.passes.list())[0]?.endedAtMs !== null);
    assert.deepEqual(await here.passes.start(REQUEST), { id, isNew: true });
    await here.becomes('done');
    assert.deepEqual(seen, [null, null, null]);
  });

  test('two planners: each pass runs in one of them at a time', async () => {
    await using here = await startRoom(servers.postgres);
    let most = 0;
    let now = 0;
    let ran = 0;
    const run = async (): Promise<PassProgress> => {
      most = Math.max(most, ++now);
      await worksFor(10);
      now -= 1;
      ran += 1;
      return NOTHING;
    };
    here.worker(run);
    here.worker(run);
    for (let round = 1; round <= 12; round += 1) {
      await Promise.all(Array.from({ length: 4 }, () => here.passes.start(REQUEST)));
      await eventually(() => ran >= round);
      await here.becomes('done');
    }
    assert.equal(most, 1);
  });

  test('an error that heals makes it go on from its checkpoint; one that does not ends it with its code', async () => {
    await using here = await startRoom(servers.postgres);
    const seen: (string | null)[] = [];
    await here.passes.start(REQUEST);
    here.worker(async (pass) => {
      seen.push(pass.checkpoint);
      if (seen.length === 1) {
        await pass.save({ checkpoint: 'k5', counts: { listed: 5 } });
        throw new AppError('NATS_TIMEOUT', 'away');
      }
      if (seen.length < 5) throw new AppError('NATS_TIMEOUT', 'still away');
      throw new AppError('ACCESS_DENIED', 'no', { disposition: 'fatal' });
    });
    await here.becomes('failed');
    assert.deepEqual(seen, [null, 'k5', 'k5', 'k5', 'k5']);
    const [view] = await here.passes.list();
    assert.match(view?.failure ?? '', /^ACCESS_DENIED: no/);
    assert.deepEqual(view?.counts, { listed: 5 });
  });

  test('a planner that stops puts its pass back; the next goes on where it was', async () => {
    await using here = await startRoom(servers.postgres);
    await here.passes.start(REQUEST);
    const saved = Promise.withResolvers<void>();
    const first = here.worker(async (pass) => {
      await pass.save({ checkpoint: 'k7', counts: {} });
      saved.resolve();
      return endless(pass);
    });
    await saved.promise;
    await first.stop();
    assert.equal(await here.state(), 'waiting');
    let from: string | null | undefined;
    here.worker(async ({ checkpoint }) => {
      from = checkpoint;
      return NOTHING;
    });
    await here.becomes('done');
    assert.equal(from, 'k7');
  });

  test('paused, it runs no more, in nobody; resumed, it goes on from its checkpoint', async () => {
    await using here = await startRoom(servers.postgres);
    const { id } = await here.passes.start(REQUEST);
    const seen: (string | null)[] = [];
    const run = async (pass: RunningPass): Promise<PassProgress> => {
      seen.push(pass.checkpoint);
      if (seen.length === 2) return NOTHING;
      await pass.save({ checkpoint: 'k3', counts: {} });
      return endless(pass);
    };
    here.worker(run);
    await eventually(() => seen.length === 1);
    assert.equal(await here.passes.ask(id, 'pause'), true);
    await here.becomes('paused');
    here.worker(run);
    await nothingHappensFor(300);
    assert.deepEqual([seen.length, await here.state()], [1, 'paused']);
    assert.equal(await here.passes.ask(id, 'run'), true);
    await here.becomes('done');
    assert.deepEqual(seen, [null, 'k3']);
    assert.equal(await here.passes.ask(id, 'pause'), false, 'it has ended');
    assert.equal(await here.passes.ask('sweep-no', 'pause'), false, 'there is none');
  });

  test('asked to pause and to go on while it is being put off, it does not stay put', async () => {
    for (let round = 0; round < 8; round += 1) {
      await using here = await startRoom(servers.postgres);
      const { id } = await here.passes.start(REQUEST);
      let runs = 0;
      let hold = true;
      here.worker(async ({ signal }) => {
        runs += 1;
        await eventually(() => !hold || signal.aborted, { intervalMs: 1 });
        signal.throwIfAborted();
        return NOTHING;
      });
      await eventually(() => runs === 1);
      await here.passes.ask(id, 'pause');
      await worksFor(round * 5); // somewhere between hearing of it and being put off
      await here.passes.ask(id, 'run');
      hold = false;
      await here.becomes('done');
    }
  });

  test('a planner that was killed: another takes its pass over when the lock ran out, from the checkpoint', async () => {
    await using here = await startRoom(servers.postgres);
    await here.passes.start(REQUEST);
    const child = spawn(process.execPath, [join(import.meta.dirname, 'pass-child.ts')], {
      env: { ...process.env, JOBS_TEST_URL: here.options.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await gone;
    let from: string | null = null;
    here.worker(async ({ checkpoint }) => {
      from = checkpoint;
      return NOTHING;
    });
    await here.becomes('done');
    assert.equal(from, 'k9');
  });

  test('cancelled while it runs or is paused, what it left is told to go, and it stays so', async () => {
    await using here = await startRoom(servers.postgres);
    const { id } = await here.passes.start(REQUEST);
    here.worker(endless);
    await here.becomes('running');
    await here.passes.ask(id, 'cancel');
    await eventually(() => here.cancelled.length === 1);
    await eventually(async () => (await here.passes.list())[0]?.endedAtMs !== null);
    assert.equal(await here.state(), 'cancelled');

    await here.passes.start(REQUEST);
    await here.becomes('running');
    await here.passes.ask(id, 'pause');
    await here.becomes('paused');
    await here.passes.ask(id, 'cancel');
    await eventually(() => here.cancelled.length === 2);
    assert.equal(await here.state(), 'cancelled');
    assert.deepEqual(here.cancelled, [id, id]);
  });

  test('cancelled too late to be heard by the run, it is cancelled all the same: the run may have published since', async () => {
    await using here = await startRoom(servers.postgres);
    const { id } = await here.passes.start(REQUEST);
    here.worker(async () => {
      await here.passes.ask(id, 'cancel');
      return NOTHING;
    });
    await eventually(async () => (await here.passes.list())[0]?.endedAtMs !== null);
    assert.deepEqual([await here.state(), here.cancelled], ['cancelled', [id]]);
  });

  test('a schedule that is new runs at once; a round that fails is told and comes again; none runs beside itself', async () => {
    await using here = await startRoom(servers.postgres);
    let rounds = 0;
    let now = 0;
    let most = 0;
    const often = {
      everyMs: 100,
      run: async () => {
        most = Math.max(most, ++now);
        rounds += 1;
        await worksFor(150);
        now -= 1;
        if (rounds === 1) throw new AppError('INDEX_UNAVAILABLE', 'away');
      },
    };
    let once = 0;
    const daily = { everyMs: 86_400_000, run: async () => void (once += 1) };
    const ticks = await startTicks(
      here.options,
      { often, daily, never: { everyMs: 0, run: async () => assert.fail() } },
      log,
    );
    await eventually(() => ticks.trouble() === 'often: INDEX_UNAVAILABLE');
    await eventually(() => rounds >= 4 && once === 1);
    assert.equal(ticks.trouble(), null);
    assert.equal(most, 1);
    await ticks.stop();
    await ticks.stop();
    const again = await startTicks(here.options, { daily }, log);
    await using _again = again;
    await nothingHappensFor(300);
    assert.equal(once, 1, 'a restart does not begin the day anew');
  });
});
