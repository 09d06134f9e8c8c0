// The planner: runs sweeps that are owed, due or asked for, backfills, and retries whose time has come. It plans; processors do. Wiring.
import { decoderVersions } from '../imaging/decoders.ts';
import { openIndex } from '../index/open-index.ts';
import { startPassWorker } from '../jobs/pass-worker.ts';
import { openPasses } from '../jobs/passes.ts';
import { startTicks } from '../jobs/ticks.ts';
import type { Configuration } from '../model/configuration.ts';
import { connectNats } from '../nats/connect.ts';
import { outstandingItems, purgeItems } from '../nats/planned-items.ts';
import { verifyJetStream } from '../nats/provision.ts';
import { createWorkItems } from '../nats/work-items.ts';
import { openObjects } from '../objects/open-objects.ts';
import { publishDueRetries } from '../pipeline/due-retries.ts';
import { type Role, runPhases } from '../platform/lifecycle.ts';
import type { Log } from '../platform/log.ts';
import { waitFor } from '../platform/wait-for.ts';
import { databaseOptions, jetStreamOptions, jobsOptions, natsOptions, storeConfig } from './connections.ts';
import { createPassRun } from './run-pass.ts';
import { watchGeneration } from './generation.ts';

/** For tests, which cannot wait as long. */
export interface PlannerHooks {
  readonly mostOutstanding?: number;
  readonly askMs?: number;
  readonly pauseMs?: number;
  readonly ackWaitMs?: number;
}

/** Of one job: what is planned far ahead is stale before it is done, and what is cancelled has to be taken back. */
const MOST_OUTSTANDING = 1_000;
const PAUSE_MS = 500;

/** Resolves when it plans; waits for servers that are away. Rejects where something is missing that only `provision` makes. */
export async function startPlanner(
  configuration: Configuration,
  log: Log,
  signal: AbortSignal,
  hooks: PlannerHooks = {},
): Promise<Role> {
  await using opened = new AsyncDisposableStack();
  const { host, planner, sources } = configuration;
  const store = configuration.store.name;
  const mostOutstanding = hooks.mostOutstanding ?? MOST_OUTSTANDING;

  const index = opened.use(openIndex(databaseOptions(configuration, `planner ${host}`), log));
  await waitFor('index', () => index.verifyIndex(), log, signal);
  const nats = opened.use(await connectNats(natsOptions(configuration, `planner-${host}`), log, signal));
  const streams = jetStreamOptions(configuration, hooks.ackWaitMs);
  await waitFor('JetStream', () => verifyJetStream(nats, streams), log, signal);
  const objects = opened.use(openObjects(storeConfig(configuration)));
  const workItems = createWorkItems(nats);

  const generation = opened.use(await watchGeneration(configuration, index, { log, signal }));

  const jobs = jobsOptions(configuration, `planner ${host}`);
  const passes = opened.use(await waitFor('planned jobs', () => openPasses(jobs, log), log, signal));

  async function startOwed(): Promise<void> {
    if (generation.wanted() === null) return;
    const owed = (await index.owedSweeps()).filter((debt) => debt.store === store);
    for (const bucket of new Set(owed.map((debt) => debt.bucket))) {
      const { isNew } = await passes.start({ kind: 'sweep', store, bucket, prefix: '', allowRemovals: 0 });
      const reasons = owed.flatMap((debt) => (debt.bucket === bucket ? [debt.reason] : []));
      if (isNew) log.info({ bucket, reasons }, 'sweep is owed');
    }
  }

  /** Owed like any other: a planner or a job store that is lost right now changes nothing. */
  async function oweScheduled(): Promise<void> {
    const buckets = new Set([...sources.map(({ bucket }) => bucket), ...(await index.knownBuckets(store))]);
    for (const bucket of buckets) await index.oweSweep(store, bucket, 'SCHEDULED');
    await startOwed();
  }

  async function retryDue(ending: AbortSignal): Promise<void> {
    const wanted = generation.wanted();
    if (wanted === null) return;
    const outstanding = { byTier: (job: string) => outstandingItems(nats, job) };
    const ports = { index, workItems, outstanding };
    const report = await publishDueRetries(ports, { wanted, most: mostOutstanding, signal: ending });
    if (report.published > 0) log.info({ ...report }, 'due retries published');
  }

  const worker = startPassWorker({
    options: jobs,
    passes,
    run: createPassRun({
      index,
      objects,
      workItems,
      outstanding: async (job) => [...(await outstandingItems(nats, job)).values()].reduce((sum, n) => sum + n, 0),
      decoders: decoderVersions(),
      wanted: () => generation.wanted(),
      log,
      now: Date.now,
      mostOutstanding,
      pauseMs: hooks.pauseMs ?? PAUSE_MS,
    }),
    cancelled: async (id) => void (await purgeItems(nats, id)),
    log,
    ...(hooks.askMs === undefined ? {} : { pace: { askMs: hooks.askMs } }),
  });
  opened.use(worker);
  const ticks = opened.use(
    await startTicks(
      jobs,
      {
        schedule: { everyMs: planner.sweepEveryH * 3_600_000, run: oweScheduled },
        owed: { everyMs: planner.owedEveryS * 1_000, run: startOwed },
        retries: { everyMs: planner.retryEveryS * 1_000, run: retryDue },
      },
      log,
    ),
  );

  const rest = opened.move();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= runPhases(
      [
        { name: 'end rounds', deadlineMs: 25_000, run: () => ticks.stop() },
        { name: 'put passes back', deadlineMs: 15_000, run: () => worker.stop() },
        { name: 'close', deadlineMs: 15_000, run: () => rest.disposeAsync() },
      ],
      log,
    );
    return stopped;
  };
  return {
    ended: endedWith(nats.closed),
    checks: () => ({
      nats: nats.state === 'connected' ? null : `NATS is ${nats.state}`,
      configuration: generation.wanted() === null ? 'CONFIG_OUTDATED: not the registered generation' : null,
      rounds: ticks.trouble(),
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function endedWith(closed: Promise<Error | null>): Promise<void> {
  const error = await closed;
  if (error !== null) throw error;
}
