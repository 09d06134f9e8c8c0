// Something done again and again, never twice at once, until it is disposed.

/** `work` handles its own errors: a rejection here is a fault of ours and ends the process. */
export function every(ms: number, work: () => Promise<void>): Disposable {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    void work().finally(() => {
      running = false;
    });
  }, ms);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
