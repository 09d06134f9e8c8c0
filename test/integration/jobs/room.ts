// A job store of its own, and time where time is what the test is about.
import { setTimeout as delay } from 'node:timers/promises';
import type { JobsOptions } from '../../../workers/jobs/connection.ts';
import { type RunningPass, startPassWorker } from '../../../workers/jobs/pass-worker.ts';
import { openPasses } from '../../../workers/jobs/passes.ts';
import { provisionJobs } from '../../../workers/jobs/provision-jobs.ts';
import type { PassProgress, PassRequest } from '../../../workers/model/pass.ts';
import { createLog } from '../../../workers/platform/log.ts';
import { eventually } from '../../harness/eventually.ts';
import type { TestPostgres } from '../../harness/servers.ts';

export const log = createLog({ role: 'test', level: 'silent' });
export const REQUEST: PassRequest = { kind: 'sweep', store: 'main', bucket: 'photos', prefix: '', allowRemovals: 0 };
export const NOTHING: PassProgress = { checkpoint: null, counts: {} };
export const PACE = { askMs: 20, lockMs: 1_000, retryBaseMs: 10, retryMaxMs: 20, closeMs: 5_000 };

export async function startRoom(postgres: TestPostgres) {
  await using opened = new AsyncDisposableStack();
  const options: JobsOptions = { url: await postgres.createDatabase(), applicationName: 'test' };
  await provisionJobs(options);
  const passes = opened.use(await openPasses(options, log));
  const cancelled: string[] = [];
  const owned = opened.move();
  const state = async () => (await passes.list())[0]?.state ?? null;
  return {
    options,
    passes,
    cancelled,
    worker: (run: (pass: RunningPass) => Promise<PassProgress>) =>
      owned.use(
        startPassWorker({ options, passes, run, cancelled: async (id) => void cancelled.push(id), log, pace: PACE }),
      ),
    state,
    becomes: (wanted: string) => eventually(async () => (await state()) === wanted, { what: wanted }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Runs until it is told to stop. */
export async function endless({ signal }: Pick<RunningPass, 'signal'>): Promise<PassProgress> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  signal.throwIfAborted();
  return promise;
}

/** Only where nothing must happen: there is no event to wait for. */
export function nothingHappensFor(ms: number): Promise<void> {
  return delay(ms);
}

/** Work that takes a while, so that two of it could meet. */
export function worksFor(ms: number): Promise<void> {
  return delay(ms);
}
