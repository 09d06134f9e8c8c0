// Keeps the work items of one job that wait in the stream below a bound: what was planned long ago is stale, and `cancel` has less to take back.
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkItems } from './ports.ts';

export interface Bound {
  /** How many of the job are in the stream now, under way or not. */
  readonly outstanding: () => Promise<number>;
  readonly most: number;
  /** Between two questions while there is no room. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

/** `publish` waits for room; it rejects with the signal's reason when that fires first, and with what `outstanding` rejects with. For one job. */
export function boundedWorkItems(workItems: WorkItems, { outstanding, most, pauseMs, signal }: Bound): WorkItems {
  let room = 0;
  let sending = 0;
  let asking: Promise<void> | null = null;

  async function ask(): Promise<void> {
    // Whether the count has those that are being sent is not known; none begins before this has an answer.
    const maybeCounted = sending;
    const free = most - (await outstanding()) - maybeCounted;
    // In portions: the question costs as much as a publish.
    if (free >= Math.max(1, most / 4)) room = free;
    else await delay(pauseMs, undefined, { signal });
  }
  return {
    async publish(...item) {
      while (room === 0) {
        signal.throwIfAborted();
        asking ??= ask().finally(() => {
          asking = null;
        });
        await asking;
      }
      room -= 1;
      sending += 1;
      try {
        await workItems.publish(...item);
      } finally {
        sending -= 1;
      }
    },
  };
}
