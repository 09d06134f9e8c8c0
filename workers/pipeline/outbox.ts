// Publishes side by side, so many at once: each publish waits for the stream's disk.

/** Runs at most `most` sends at once; the first that fails fails every later call. */
export function createOutbox(most: number) {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];

  function throwIfFailed(): void {
    if (failures.length > 0) throw failures[0];
  }

  async function add(send: () => Promise<void>): Promise<void> {
    throwIfFailed();
    const one = send()
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= most) await Promise.race(running);
    throwIfFailed();
  }
  async function settled(): Promise<void> {
    await Promise.all(running);
  }
  async function drain(): Promise<void> {
    await settled();
    throwIfFailed();
  }
  return { add, drain, settled };
}
