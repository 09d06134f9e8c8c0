// Waiting before another try: exponential with full jitter, so that many who failed together do not come back together.

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Somewhere in 0 … min(maxMs, baseMs · 2^(attempt − 1)) milliseconds. `attempt` counts from 1; `random` gives 0 ≤ r < 1. */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: () => number): number {
  return Math.floor(random() * ceilingMs(attempt, { baseMs, maxMs }));
}

function ceilingMs(attempt: number, { baseMs, maxMs }: Backoff): number {
  return Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt - 1));
}

export interface RetryOptions extends Backoff {
  /** Including the first. */
  readonly attempts: number;
  readonly signal?: AbortSignal;
  /** False: the error is thrown at once. */
  readonly worthRetrying?: (error: unknown) => boolean;
  readonly random?: () => number;
  /** Resolves after so many milliseconds; rejects when the signal fires. */
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>;
}

/** The first success of `work`, or its last error. */
export async function retrying<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts, signal, worthRetrying = () => true, random = Math.random, wait } = options;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || !worthRetrying(error)) throw error;
    }
    await wait(backoffMs(attempt, options, random), signal);
  }
}
