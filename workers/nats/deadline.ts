// Waiting with an end: for work, or for somebody to ring.

/** Whether `work` ended, well or badly, within so many milliseconds. It is neither cancelled nor is its error handled here. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, ms, false);
  const ended = () => true;
  try {
    return await Promise.race([work.then(ended, ended), late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface Bell {
  /** Wakes whoever waits now; nobody who waits later. */
  ring(): void;
  /** Resolves when rung, or after so many milliseconds. */
  wait(ms: number): Promise<void>;
}

export function createBell(): Bell {
  let rung = Promise.withResolvers<void>();
  return {
    ring() {
      rung.resolve();
      rung = Promise.withResolvers<void>();
    },
    async wait(ms) {
      await endsWithin(rung.promise, ms);
    },
  };
}
