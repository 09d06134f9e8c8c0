// Short rounds on a schedule, by one planner at a time however many there are.
import type { Log } from '../platform/log.ts';
import { closeWithin } from './close.ts';
import { connectionOf, jobsError, type JobsOptions, Queue, Worker } from './connection.ts';
import { TICKS } from './names.ts';

export interface Tick {
  /** 0: never. */
  readonly everyMs: number;
  /** A round that failed is only the last one that failed. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface Ticks extends AsyncDisposable {
  /** Name and code of the rounds whose last run failed; null: none. */
  trouble(): string | null;
  /** Never rejects. */
  stop(): Promise<void>;
}

const CLOSE_MS = 10_000;
/** A round that kills its planner is given up, until the next one is due. */
const MOST_STARTS = 3;

/**
 * Resolves when the schedulers stand; one that is new runs at once, one that stood keeps its rhythm (measured). They are upserted at every
 * start, under constant names: a job store that lost them says nothing. Rejects with JOBS_UNAVAILABLE and JOBS_NOT_PROVISIONED.
 */
export async function startTicks(
  options: JobsOptions,
  ticks: Readonly<Record<string, Tick>>,
  log: Log,
): Promise<Ticks> {
  await using opened = new AsyncDisposableStack();
  const queue = new Queue(TICKS, { connection: connectionOf(options) });
  queue.on('error', (err) => log.warn({ err }, 'job store connection lost'));
  opened.defer(() => closeWithin(queue, CLOSE_MS, 'schedulers', log));
  try {
    await queue.waitUntilReady();
    for (const [name, { everyMs }] of Object.entries(ticks)) {
      if (everyMs === 0) await queue.removeJobScheduler(name);
      else {
        const opts = { removeOnComplete: { count: 10 }, removeOnFail: { count: 100 } };
        await queue.upsertJobScheduler(name, { every: everyMs }, { name, data: {}, opts });
      }
    }
  } catch (error) {
    throw jobsError(error, 'setting the schedule');
  }

  const stopping = new AbortController();
  const underWay = new Set<string>();
  const failures = new Map<string, string>();
  const worker = new Worker(
    TICKS,
    async ({ name }) => {
      const tick = ticks[name];
      if (tick === undefined || underWay.has(name)) return; // of another version of ours, or slower than its rhythm
      underWay.add(name);
      try {
        await tick.run(stopping.signal);
        if (failures.delete(name)) log.info({ tick: name }, 'round succeeds again');
      } finally {
        underWay.delete(name);
      }
    },
    {
      connection: connectionOf(options),
      concurrency: Math.max(1, Object.keys(ticks).length),
      maxStartedAttempts: MOST_STARTS,
      runRetryDelay: 2_000,
    },
  );
  worker.on('error', (err) => log.warn({ code: 'JOBS_UNAVAILABLE', err }, 'job store trouble'));
  worker.on('failed', (job, err) => {
    const name = job?.name ?? 'unknown';
    const { code } = jobsError(err, name);
    if (failures.get(name) !== code) log.warn({ tick: name, code, err }, 'round failed, will be tried again');
    failures.set(name, code);
  });
  opened.defer(() => closeWithin(worker, CLOSE_MS, 'rounds', log));

  const rest = opened.move();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping.abort();
    return (stopped ??= rest.disposeAsync());
  };
  return {
    trouble: () => (failures.size === 0 ? null : [...failures].map(([name, code]) => `${name}: ${code}`).join(', ')),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
