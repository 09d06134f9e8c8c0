// `millrace stack`: the whole of Millrace on this machine, until a signal.
import { type ConfigurationOptions, configurationForStack, roleSettings } from './load-configuration.ts';
import type { StackRequest } from './deps.ts';
import { chainOf } from '../platform/errors.ts';
import { createLog } from '../platform/log.ts';
import type { Session } from './session.ts';
import { untilSignal } from './signals.ts';

export async function runStack(
  request: StackRequest,
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  using stop = untilSignal(io);
  await deps.runStack(request, {
    log: createLog({ role: 'stack', level: 'warn' }),
    signal: stop.signal,
    env: roleSettings(io.env, options, io.cwd),
    print: (line) => void output.line(line).catch((error: unknown) => stop.interrupt(chainOf(error))), // a terminal that is gone sends no Ctrl-C
    configure: (stack) => configurationForStack(options, io, stack),
  });
  return 0;
}
