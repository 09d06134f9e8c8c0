// A deadline that stands still while somebody else is being waited for.

export interface PausableClock extends Disposable {
  /** From the beginning again. */
  restart(): void;
  pause(): void;
  resume(): void;
}

/** Running when it is made. `expired` is called at most once. */
export function startClock(ms: number, expired: () => void): PausableClock {
  let leftMs = ms;
  let since = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const pause = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    leftMs -= performance.now() - since;
  };
  const resume = () => {
    if (timer !== undefined) return;
    since = performance.now();
    timer = setTimeout(expired, Math.max(0, leftMs));
  };
  resume();
  return {
    pause,
    resume,
    restart() {
      pause();
      leftMs = ms;
      resume();
    },
    [Symbol.dispose]: pause,
  };
}
