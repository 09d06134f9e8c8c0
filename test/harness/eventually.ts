// Waits for the world to become so, instead of sleeping and hoping.
import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  readonly what?: string;
}

/** Resolves with the first value of `probe` that is neither undefined, null nor false; rejects with the last error after `timeoutMs` (30 s). */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 20, what = 'the condition' }: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(intervalMs);
  } while (performance.now() < deadline);
  throw new Error(`${what} did not come true within ${timeoutMs} ms`, { cause: last });
}
