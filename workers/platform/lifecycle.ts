// The life of a process: starting → running → draining → stopped | failed; a first signal drains, a second one forces.
import { AppError } from './errors.ts';
import type { Log } from './log.ts';

export type LifecycleState = 'starting' | 'running' | 'draining' | 'stopped' | 'failed';

/** What a role hands to whoever runs it. */
export interface Role extends AsyncDisposable {
  /** Resolves when the role ended by itself, rejects when it cannot go on; pending as long as it works. */
  readonly ended: Promise<void>;
  /** For /readyz, asked on each request: name → null (fine) or what is wrong, in one sentence. */
  checks(): Readonly<Record<string, string | null>>;
  /** Drains and closes everything; safe to call twice. See `runPhases`. */
  stop(): Promise<void>;
}

export interface Lifecycle {
  readonly state: LifecycleState;
  /** Fires when draining begins, whoever asked for it. */
  readonly stopping: AbortSignal;
  /** Fires with the second request to stop: what is under way is given up. */
  readonly forced: AbortSignal;
  /** First call: draining. Second call: forced. `reason` goes into the log. */
  requestStop(reason: string): void;
  running(): void;
  ended(state: 'stopped' | 'failed'): void;
}

export function createLifecycle(log: Log): Lifecycle {
  const stopping = new AbortController();
  const forced = new AbortController();
  let state: LifecycleState = 'starting';
  function become(next: LifecycleState, keys: object = {}): void {
    log.info({ from: state, to: next, ...keys }, 'state changed');
    state = next;
  }
  return {
    get state() {
      return state;
    },
    stopping: stopping.signal,
    forced: forced.signal,
    requestStop(reason) {
      if (state === 'stopped' || state === 'failed') return;
      if (stopping.signal.aborted) {
        log.warn({ reason }, 'stop forced');
        forced.abort(new AppError('FORCED', `stopped by a second request (${reason})`, { disposition: 'fatal' }));
        return;
      }
      become('draining', { reason });
      stopping.abort(new AppError('STOPPING', `stopping (${reason})`));
    },
    running() {
      if (state === 'starting') become('running');
    },
    ended(last) {
      if (state !== 'stopped' && state !== 'failed') become(last);
    },
  };
}

/** One named step of a shutdown. */
export interface Phase {
  readonly name: string;
  readonly deadlineMs: number;
  /** The signal fires at the deadline; the phase is then no longer waited for. */
  readonly run: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs every phase in order, also when an earlier one failed or overran; then throws what went wrong, all of it, as
 * `SHUTDOWN_INCOMPLETE` with an AggregateError as its cause.
 */
export async function runPhases(phases: readonly Phase[], log: Log): Promise<void> {
  const errors: unknown[] = [];
  for (const { name, deadlineMs, run } of phases) {
    const startedMs = performance.now();
    try {
      await withDeadline(run, name, deadlineMs);
      log.debug({ phase: name, durationMs: Math.round(performance.now() - startedMs) }, 'shutdown phase done');
    } catch (err) {
      log.warn({ phase: name, durationMs: Math.round(performance.now() - startedMs), err }, 'shutdown phase failed');
      errors.push(err);
    }
  }
  if (errors.length > 0) {
    throw new AppError('SHUTDOWN_INCOMPLETE', `${errors.length} of ${phases.length} shutdown phases failed`, {
      disposition: 'fatal',
      cause: errors.length === 1 ? errors[0] : new AggregateError(errors, 'shutdown phases failed'),
    });
  }
}

async function withDeadline(run: Phase['run'], name: string, deadlineMs: number): Promise<void> {
  const overrun = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new AppError('PHASE_TIMED_OUT', `${name} took longer than ${deadlineMs} ms`, {
      disposition: 'fatal',
    });
    overrun.abort(error);
    reject(error);
  }, deadlineMs);
  try {
    await Promise.race([run(overrun.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
