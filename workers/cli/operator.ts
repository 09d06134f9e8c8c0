// Opens index and store for one command, and knows where this machine has the volumes.
import { type Configuration, configurationSchema, settings } from '../model/configuration.ts';
import { secretsOf } from '../platform/config-text.ts';
import { createLog, type Log } from '../platform/log.ts';
import type { CliDeps, Operator } from './deps.ts';
import type { LoadedConfiguration } from './load-configuration.ts';

export async function withOperator<T>(
  deps: Pick<CliDeps, 'openOperator'>,
  { configuration, stack }: LoadedConfiguration,
  log: Log,
  work: (operator: Operator) => Promise<T>,
): Promise<T> {
  await using operator = await deps.openOperator(configuration, log);
  const { index, objects, localVolumes } = operator;
  const ofStack = (stack?.volumes ?? []).map(({ id, path }) => [id, path] as const);
  return await work({
    index,
    objects,
    localVolumes: new Map([...ofStack, ...localVolumes]),
    [Symbol.asyncDispose]: async () => {},
  });
}

/** For a role: at the configured level, hunting the configuration's secrets. */
export function roleLog(role: string, configuration: Configuration): Log {
  return createLog({
    role,
    level: configuration.log.level,
    host: configuration.host,
    secrets: secretsOf(configurationSchema, settings, configuration),
  });
}

/** A command answers a person: of what happens below only what an operator has to know is logged. */
export function commandLog(configuration: Configuration): Log {
  const { level } = configuration.log;
  return roleLog('cli', { ...configuration, log: { level: level === 'info' ? 'warn' : level } });
}
