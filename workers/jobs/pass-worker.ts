// Runs passes: each once at a time in any number of planners, again from its last checkpoint when its planner died.
import { setTimeout as delay } from 'node:timers/promises';
import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import {
  type Ask,
  decodePassData,
  decodePassProgress,
  type PassData,
  type PassProgress,
  type PassRequest,
} from '../model/pass.ts';
import { chainOf, codeOf, isAppError } from '../platform/errors.ts';
import { every } from '../platform/every.ts';
import type { Log } from '../platform/log.ts';
import { backoffMs } from '../platform/retry.ts';
import { closeWithin } from './close.ts';
import { connectionOf, type JobsOptions, Worker } from './connection.ts';
import { PASSES } from './names.ts';
import type { Passes } from './passes.ts';

export interface RunningPass {
  readonly id: string;
  readonly request: PassRequest;
  /** Of the run before; null: from the beginning. */
  readonly checkpoint: string | null;
  /** Fires when it is to stop for whatever reason: throw the signal's reason then. */
  readonly signal: AbortSignal;
  save(progress: PassProgress): Promise<void>;
}

export interface PassWorkerDeps {
  readonly options: JobsOptions;
  readonly passes: Pick<Passes, 'asked'>;
  /** Resolves with the last progress. An AppError of disposition `retry` makes it go on from the checkpoint after a while. */
  readonly run: (pass: RunningPass) => Promise<PassProgress>;
  /** The pass was cancelled and does not run any more: what it left is to go. */
  readonly cancelled: (id: string) => Promise<void>;
  readonly log: Log;
  readonly pace?: Partial<typeof PACE>;
}

const PACE = {
  /** How soon a pass hears what was asked. */
  askMs: 1_000,
  /** A planner that died is replaced after this time at most twice. */
  lockMs: 30_000,
  retryBaseMs: 1_000,
  retryMaxMs: 60_000,
  closeMs: 10_000,
};

/** They mostly wait, for room among the work items that are outstanding. */
const CONCURRENCY = 16;
/** Planners that die of a pass again and again end it here. */
const MOST_STARTS = 100;
const YEAR_MS = 365 * 24 * 3_600_000;

/** Why a run was cut short. */
class Cut extends Error {
  readonly why: Exclude<Ask, 'run'> | 'stop' | 'lock lost';
  constructor(why: Cut['why']) {
    super(`pass cut short: ${why}`);
    this.name = 'Cut';
    this.why = why;
  }
}

export interface PassWorker extends AsyncDisposable {
  /** Passes are put back with their checkpoint. Never rejects. */
  stop(): Promise<void>;
}

export function startPassWorker({
  options,
  passes,
  run,
  cancelled,
  log,
  pace: given = {},
}: PassWorkerDeps): PassWorker {
  const pace = { ...PACE, ...given };
  const stopping = new AbortController();
  const running = new Set<AbortController>();

  /** The third parameter has to stand here, or BullMQ passes no signal. */
  async function runJob(job: Job<PassData>, token?: string, lockLost?: AbortSignal): Promise<void> {
    const id = job.id ?? '';
    const { request } = decodePassData(job.data);
    const cut = new AbortController();
    if (stopping.signal.aborted) cut.abort(new Cut('stop'));
    running.add(cut);
    lockLost?.addEventListener('abort', () => cut.abort(new Cut('lock lost')), { once: true });

    const listen = async (): Promise<void> => {
      const asked = await passes.asked(id);
      if (asked === null)
        cut.abort(new Cut('cancel')); // removed under us
      else if (asked !== 'run') cut.abort(new Cut(asked));
    };
    using _listening = every(pace.askMs, async () => {
      try {
        await listen();
      } catch (err) {
        log.debug({ pass: id, err }, 'not heard what was asked of a pass');
      }
    });

    try {
      await listen();
      await untilDone(job, { id, request, signal: cut.signal });
      // Cancelling takes items back, which makes room for more: those that came of it before it was heard are to go as well.
      if ((await passes.asked(id)) === 'cancel') cut.abort(new Cut('cancel'));
      if (cut.signal.reason instanceof Cut && cut.signal.reason.why === 'cancel') throw cut.signal.reason;
      log.info({ pass: id, ...decodePassProgress(job.progress).counts }, 'pass done');
    } catch (error) {
      if (cut.signal.reason instanceof Cut) return await cutShort(job, cut.signal.reason, token);
      log.error({ pass: id, code: codeOf(error), err: error }, 'pass failed');
      throw new UnrecoverableError(`${codeOf(error)}: ${chainOf(error)}`);
    } finally {
      running.delete(cut);
    }
  }

  /** An outage is waited out in here: it costs the job no attempt. */
  async function untilDone(
    job: Job<PassData>,
    { id, request, signal }: Pick<RunningPass, 'id' | 'request' | 'signal'>,
  ): Promise<void> {
    let { checkpoint } = decodePassProgress(job.progress);
    const save = async (progress: PassProgress): Promise<void> => {
      await job.updateProgress({ ...progress });
      tries = 0;
      ({ checkpoint } = progress);
    };
    let tries = 0;
    for (;;) {
      signal.throwIfAborted();
      try {
        const { counts } = await run({ id, request, checkpoint, signal, save });
        return await save({ checkpoint: null, counts });
      } catch (error) {
        if (signal.aborted || (isAppError(error) && error.disposition !== 'retry')) throw error;
        if (!isAppError(error) && error instanceof TypeError) throw error; // a fault of ours does not heal
        tries += 1;
        log.warn({ pass: id, code: codeOf(error), reason: chainOf(error), tries }, 'pass waits');
      }
      const waitMs = backoffMs(Math.min(tries, 12), { baseMs: pace.retryBaseMs, maxMs: pace.retryMaxMs }, Math.random);
      await delay(waitMs, undefined, { signal });
    }
  }

  async function cutShort(job: Job<PassData>, { why }: Cut, token?: string): Promise<never> {
    const id = job.id ?? '';
    log.info({ pass: id, why }, 'pass cut short');
    switch (why) {
      case 'cancel':
        await cancelled(id);
        throw new UnrecoverableError('CANCELLED');
      case 'pause':
        await job.moveToDelayed(Date.now() + YEAR_MS, token);
        // Asked to go on while it was being put off: nobody else would wake it.
        if ((await passes.asked(id)) !== 'pause') await job.promote();
        throw new DelayedError();
      case 'stop':
        await job.moveToWait(token);
        throw new WaitingError();
      case 'lock lost':
        throw new WaitingError(); // it is somebody else's by now, or soon
    }
  }

  const worker = new Worker<PassData>(PASSES, runJob, {
    connection: connectionOf(options),
    concurrency: CONCURRENCY,
    maxStartedAttempts: MOST_STARTS,
    maxStalledCount: MOST_STARTS,
    lockDuration: pace.lockMs,
    stalledInterval: pace.lockMs,
    runRetryDelay: 2_000,
  });
  worker.on('error', (err) => log.warn({ code: 'JOBS_UNAVAILABLE', err }, 'job store trouble'));
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'lock lost');
  });

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping.abort();
    for (const cut of running) cut.abort(new Cut('stop'));
    return (stopped ??= closeWithin(worker, pace.closeMs, 'passes', log));
  };
  return { stop, [Symbol.asyncDispose]: stop };
}
