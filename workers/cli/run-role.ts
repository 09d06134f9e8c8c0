// Runs a role as a process: health server, signals, states, exit code.
import { startHealth } from '../platform/health.ts';
import { createLifecycle, type Lifecycle, type Role } from '../platform/lifecycle.ts';
import type { Log } from '../platform/log.ts';
import type { Io } from './deps.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { roleLog } from './operator.ts';
import type { Session } from './session.ts';
import { exitCodeOf } from './signals.ts';

export async function runRole(
  name: 'processor' | 'keeper' | 'planner',
  options: ConfigurationOptions,
  { io, deps }: Session,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  const log = roleLog(name, configuration);
  const starts = { processor: deps.startProcessor, keeper: deps.startKeeper, planner: deps.startPlanner };
  const start = starts[name];
  return superviseRole((signal) => start(configuration, log, signal), {
    log,
    io,
    healthPort: configuration[name].healthPort,
  });
}

export interface RoleWorld {
  readonly log: Log;
  readonly io: Pick<Io, 'onSignal' | 'exit'>;
  /** 0: any free one. */
  readonly healthPort: number;
}

/** The exit code: 0 after a signal or a role that ended by itself, 1 where it could not start, go on, or stop cleanly. A second signal exits at once. */
export async function superviseRole(
  start: (signal: AbortSignal) => Promise<Role>,
  { log, io, healthPort }: RoleWorld,
): Promise<number> {
  const lifecycle = createLifecycle(log);
  const off = io.onSignal((signal) => {
    lifecycle.requestStop(signal);
    if (lifecycle.forced.aborted) io.exit(exitCodeOf(signal));
  });
  let role: Role | undefined;
  try {
    await using health = await startHealth({
      port: healthPort,
      state: () => lifecycle.state,
      checks: () => role?.checks() ?? {},
    });
    log.info({ url: health.url }, 'health served');
    try {
      role = await start(lifecycle.stopping);
      lifecycle.running();
      await Promise.race([role.ended, aborted(lifecycle.stopping)]);
      if (!lifecycle.stopping.aborted) lifecycle.requestStop('ended by itself');
    } catch (err) {
      // A start that a signal cut short is an ordinary stop, whatever it broke off with.
      if (role === undefined && lifecycle.stopping.aborted) return end(lifecycle, 'stopped');
      log.error({ err }, role === undefined ? 'start failed' : 'role failed');
      if (!lifecycle.stopping.aborted) lifecycle.requestStop('failed');
      await role?.stop();
      return end(lifecycle, 'failed');
    }
    await role.stop();
    return end(lifecycle, 'stopped');
  } catch (err) {
    log.error({ err }, role === undefined ? 'start failed' : 'stop failed');
    return end(lifecycle, 'failed');
  } finally {
    off();
  }
}

function end(lifecycle: Lifecycle, state: 'stopped' | 'failed'): number {
  lifecycle.ended(state);
  return state === 'stopped' ? 0 : 1;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
