// A role waits for its servers by itself: in whatever order things start, and after an outage of all of them.
import { setTimeout as delay } from 'node:timers/promises';
import { chainOf, codeOf, isAppError } from './errors.ts';
import type { Log } from './log.ts';
import { backoffMs } from './retry.ts';

const SAY_AGAIN_MS = 30_000;

/** The first success of `attempt`. An error whose disposition is `retry` is waited out (said at once, then every 30 s); any other is thrown. */
export async function waitFor<T>(what: string, attempt: () => Promise<T>, log: Log, signal: AbortSignal): Promise<T> {
  let saidMs = Number.NEGATIVE_INFINITY;
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!isAppError(error) || error.disposition !== 'retry') throw error;
      if (performance.now() - saidMs >= SAY_AGAIN_MS) {
        log.warn({ what, code: codeOf(error), reason: chainOf(error) }, 'waiting');
        saidMs = performance.now();
      }
    }
    await delay(100 + backoffMs(Math.min(tries, 8), { baseMs: 200, maxMs: 2_000 }, Math.random), undefined, { signal });
  }
}
