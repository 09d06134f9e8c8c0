// Signals of the process as an AbortSignal; a second one ends it at once.
import { AppError } from '../platform/errors.ts';
import type { Io, StopSignal } from './deps.ts';

const NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** As a shell reports a process that died of it. */
export function exitCodeOf(signal: StopSignal): number {
  return 128 + NUMBERS[signal];
}

export interface Until extends Disposable {
  readonly signal: AbortSignal;
  /** As a signal would. */
  interrupt(reason: string): void;
}

/** Until disposed. The reason of the abort is an AppError `INTERRUPTED`. */
export function untilSignal(io: Pick<Io, 'onSignal' | 'exit'>): Until {
  const controller = new AbortController();
  function interrupt(reason: string): void {
    controller.abort(new AppError('INTERRUPTED', `interrupted by ${reason}`));
  }
  const off = io.onSignal((name) => {
    if (controller.signal.aborted) io.exit(exitCodeOf(name));
    else interrupt(name);
  });
  return { signal: controller.signal, interrupt, [Symbol.dispose]: off };
}
