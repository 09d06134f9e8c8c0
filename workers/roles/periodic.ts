// Does something again and again until it is stopped: never twice at once, and a round that failed is only the last one that failed.
import { chainOf, codeOf } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';

export interface PeriodicOptions {
  /** From the end of a round to the beginning of the next. */
  readonly everyMs: number;
  /** Until the first round. */
  readonly firstMs: number;
  /** 0.2: up to a fifth more or less, so that those who began together do not go on together. */
  readonly jitter: number;
  readonly random: () => number;
  readonly log: Log;
  /** What it does, for the log: `collect`. */
  readonly name: string;
}

export interface Periodic extends AsyncDisposable {
  /** Rounds that ended, well or not. */
  readonly ended: number;
  /** The code and message of the last round's failure; null after a good one. */
  readonly trouble: string | null;
  /** Resolves when the round that runs, told by its signal to end, has ended; after 5 s also without: a volume or server that hangs may never let it. */
  stop(): Promise<void>;
}

const STOP_MS = 5_000;

/** A failure that stays the same is told once, and once more when it is over. */
export function startPeriodic(
  round: (signal: AbortSignal) => Promise<void>,
  { everyMs, firstMs, jitter, random, log, name }: PeriodicOptions,
): Periodic {
  const stopping = new AbortController();
  let ended = 0;
  let failure: { readonly code: string; readonly text: string } | null = null;

  async function attempt(): Promise<void> {
    try {
      await round(stopping.signal);
      if (failure !== null) log.info({ round: name, after: failure.code }, 'round succeeds again');
      failure = null;
    } catch (error) {
      if (stopping.signal.aborted) return; // it was told to end, in whatever way it does
      const code = codeOf(error);
      if (failure?.code !== code) log.warn({ round: name, code, err: error }, 'round failed, will be tried again');
      failure = { code, text: `${code}: ${chainOf(error)}` };
    }
  }

  const loop = (async () => {
    for (let waitMs = firstMs; ; waitMs = everyMs) {
      await pause(waitMs * (1 + jitter * (2 * random() - 1)), stopping.signal);
      if (stopping.signal.aborted) return;
      await attempt();
      ended += 1;
    }
  })();

  const stop = async (): Promise<void> => {
    stopping.abort();
    const over = new AbortController();
    const late = pause(STOP_MS, over.signal);
    const inTime = await Promise.race([loop.then(() => true), late.then(() => false)]);
    over.abort();
    if (!inTime) log.warn({ round: name, waitedMs: STOP_MS }, 'round does not end, left behind');
  };
  return {
    get ended() {
      return ended;
    },
    get trouble() {
      return failure?.text ?? null;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Resolves after so many milliseconds or when the signal fires, whichever is first. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', done, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', done);
}
