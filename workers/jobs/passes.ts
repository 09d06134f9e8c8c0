// The passes that were asked for: added, listed, paused, cancelled. Whoever runs them reads here what was said.
import type { Job } from 'bullmq';
import {
  type Ask,
  decodePassData,
  decodePassProgress,
  type PassData,
  passId,
  type PassRequest,
  type PassState,
  type PassView,
} from '../model/pass.ts';
import type { Log } from '../platform/log.ts';
import { closeWithin } from './close.ts';
import { connectionOf, jobsError, type JobsOptions, Queue } from './connection.ts';
import { PASSES } from './names.ts';

export interface Passes extends AsyncDisposable {
  /** `isNew` false: the same request waits, runs or is paused already, and that one goes on. */
  start(request: PassRequest): Promise<{ readonly id: string; readonly isNew: boolean }>;
  /** Newest first. Those that ended are kept for a month. */
  list(): Promise<readonly PassView[]>;
  /** False: no such pass, or it has ended. Nothing is said to one that was cancelled. */
  ask(id: string, asked: Ask): Promise<boolean>;
  /** Null: no such pass. */
  asked(id: string): Promise<Ask | null>;
  close(): Promise<void>;
}

const KEPT_S = 30 * 24 * 3_600;
const MOST_KEPT = 1_000;
const CLOSE_MS = 5_000;

/** Every method rejects with JOBS_UNAVAILABLE (disposition retry), and this with JOBS_NOT_PROVISIONED and JOBS_TOO_NEW as well. */
export async function openPasses(options: JobsOptions, log: Log): Promise<Passes> {
  const queue = new Queue<PassData>(PASSES, { connection: connectionOf(options) });
  queue.on('error', (err) => log.warn({ err }, 'job store connection lost'));
  const close = () => closeWithin(queue, CLOSE_MS, 'passes', log);

  async function told<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw jobsError(error, doing);
    }
  }
  const found = async (id: string): Promise<Job<PassData> | null> => (await queue.getJob(id)) ?? null;

  try {
    await told('opening planned jobs', () => queue.waitUntilReady());
  } catch (error) {
    await close();
    throw error;
  }
  return {
    start: (request) =>
      told('starting a pass', async () => {
        const id = passId(request);
        for (let tries = 1; ; tries += 1) {
          const old = await found(id);
          if (old === null) break;
          const state = await old.getState();
          if (!hasEnded(state)) return { id, isNew: false };
          try {
            await begunAnew(old, state);
            return { id, isNew: true };
          } catch (error) {
            if (tries === 3) throw error; // started by somebody else meanwhile, or forgotten: look again
          }
        }
        await queue.add(
          request.kind,
          { request, asked: 'run' },
          {
            jobId: id,
            removeOnComplete: { age: KEPT_S, count: MOST_KEPT },
            removeOnFail: { age: KEPT_S, count: MOST_KEPT },
          },
        );
        return { id, isNew: true };
      }),
    list: () =>
      told('listing passes', async () => {
        const jobs = await queue.getJobs(['active', 'waiting', 'prioritized', 'delayed', 'completed', 'failed']);
        const views = await Promise.all(jobs.map((job) => viewOf(job)));
        return views.sort((a, b) => b.startedAtMs - a.startedAtMs || (a.id < b.id ? -1 : 1));
      }),
    ask: (id, asked) =>
      told(`asking pass ${id} to ${asked}`, async () => {
        const job = await found(id);
        if (job === null || hasEnded(await job.getState())) return false;
        const data = decodePassData(job.data);
        if (data.asked === 'cancel') return asked === 'cancel';
        await job.updateData({ ...data, asked });
        // A paused one is put off for a year: whoever runs it has to be woken, also to end it.
        if (asked !== 'pause' && (await job.getState()) === 'delayed') await job.promote();
        return true;
      }),
    asked: (id) =>
      told(`reading pass ${id}`, async () => {
        const job = await found(id);
        return job === null ? null : decodePassData(job.data).asked;
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function hasEnded(state: string): state is 'completed' | 'failed' {
  return state === 'completed' || state === 'failed';
}

/**
 * BullMQ ignores an id that it still keeps, and removing the old job first would not do: `remove` looks whether the job runs and then deletes it,
 * so that one started by somebody else in between was deleted while it ran (measured). `retry` is one step, which only one caller can make.
 */
async function begunAnew(job: Job<PassData>, state: 'completed' | 'failed'): Promise<void> {
  const data = decodePassData(job.data);
  if (data.asked !== 'run') await job.updateData({ ...data, asked: 'run' });
  if (decodePassProgress(job.progress).checkpoint !== null) await job.updateProgress({ checkpoint: null, counts: {} });
  await job.retry(state, { resetAttemptsMade: true, resetAttemptsStarted: true });
}

async function viewOf(job: Job<PassData>): Promise<PassView> {
  const { request, asked } = decodePassData(job.data);
  const state = passState(await job.getState(), asked);
  const { counts } = decodePassProgress(job.progress);
  return {
    id: job.id ?? '',
    request,
    state,
    counts,
    startedAtMs: job.processedOn ?? job.timestamp,
    endedAtMs: job.finishedOn ?? null,
    failure: state === 'failed' ? (job.failedReason ?? '') : null,
  };
}

function passState(state: string, asked: Ask): PassState {
  if (state === 'completed') return 'done';
  if (asked === 'cancel') return 'cancelled';
  if (state === 'failed') return 'failed';
  if (asked === 'pause') return 'paused';
  return state === 'active' ? 'running' : 'waiting';
}
