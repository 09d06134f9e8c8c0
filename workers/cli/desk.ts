// Opens what an operator's commands see and may do, for one command.
import type { Desk } from './deps.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { commandLog } from './operator.ts';
import type { Session } from './session.ts';
import { untilSignal } from './signals.ts';

export async function withDesk<T>(
  options: ConfigurationOptions,
  { io, deps }: Session,
  work: (desk: Desk, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { configuration } = await loadConfiguration(options, io);
  using stop = untilSignal(io);
  await using desk = await deps.openDesk(configuration, { log: commandLog(configuration), signal: stop.signal });
  return await work(desk, stop.signal);
}
