// Starts a server again when it dies unasked, a little later each time.
import { setTimeout as delay } from 'node:timers/promises';
import { chainOf } from '../platform/errors.ts';
import type { Server } from './server.ts';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** Whoever ran this long begins with the first delay again. */
const STEADY_MS = 60_000;

export interface KeepRunningOptions {
  readonly name: string;
  /** One line for whoever watches: what died, when it is tried again. */
  readonly print: (line: string) => void;
  readonly firstDelayMs?: number;
}

/** Watches until disposed; disposing stops the server. */
export function keepRunning(
  server: Server,
  { name, print, firstDelayMs = FIRST_DELAY_MS }: KeepRunningOptions,
): AsyncDisposable {
  const ended = new AbortController();
  const watch = async () => {
    let delayMs = firstDelayMs;
    while (!ended.signal.aborted) {
      const startedMs = performance.now();
      const exit = await server.exited;
      if (exit.wanted || ended.signal.aborted) return;
      if (performance.now() - startedMs > STEADY_MS) delayMs = firstDelayMs;
      print(
        `${name} ended (${exit.signal ?? `exit code ${exit.code}`}), started again in ${delayMs} ms; its log: ${server.logFile}`,
      );
      delayMs = await restartUntilItRuns(delayMs);
    }
  };
  const restartUntilItRuns = async (firstMs: number): Promise<number> => {
    for (let delayMs = firstMs; ; ) {
      if (!(await elapsed(delayMs, ended.signal))) return delayMs;
      delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
      try {
        await server.restart();
        print(`${name} runs again`);
        return delayMs;
      } catch (error) {
        print(`${name} could not be started, tried again in ${delayMs} ms: ${chainOf(error)}`);
      }
    }
  };
  const watching = watch();
  return {
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await server.stop();
      await watching;
      await server.stop(); // it may have been in the middle of a restart
    },
  };
}

/** False where it was aborted before. */
async function elapsed(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
