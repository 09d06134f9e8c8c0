// Finds the operator's settings (file, environment, or the local stack's stack.json) and reads them as one configuration.
import { join, relative, resolve } from 'node:path';
import { type Configuration, configurationSchema, settings } from '../model/configuration.ts';
import { type ConfigLayer, readConfig, setsAny } from '../platform/config.ts';
import { readYamlLayer } from '../platform/config-file.ts';
import { entriesOf } from '../platform/config-schema.ts';
import { AppError } from '../platform/errors.ts';
import type { Io } from './deps.ts';
import { readStackFile, settingsOf, type StackFile } from './stack-file.ts';

export interface ConfigurationOptions {
  /** `--config`. */
  readonly config?: string | undefined;
  /** `--stack`. */
  readonly stack?: string | undefined;
}

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** Null: the settings did not come from a local stack. */
  readonly stack: StackFile | null;
}

const PREFIX = 'MILLRACE_';
const CONFIG_VARIABLE = 'MILLRACE_CONFIG';
const CONNECTIONS = ['store.endpoint', 'store.accessKey', 'store.secretKey', 'nats.url', 'database.url'];
const REMEDY =
  'config/README.md lists every setting. For servers on this machine: npm start, which writes .millrace/stack.json.';

type World = Pick<Io, 'env' | 'cwd' | 'hostname' | 'home'>;

/**
 * A stack.json that was named wins over file and environment; one that lies in the working folder is read only where neither says anything
 * about servers. Errors: CONFIG_INVALID, CONFIG_UNREADABLE, STACK_FILE_UNREADABLE, STACK_NOT_RUNNING.
 */
export async function loadConfiguration(options: ConfigurationOptions, world: World): Promise<LoadedConfiguration> {
  const layers = await layersOf(options, world);
  const named = options.stack !== undefined;
  if (!named && setsAny(CONNECTIONS, { schema: configurationSchema, registry: settings, layers, env: world.env })) {
    return { configuration: await read(layers, [], world), stack: null };
  }
  const path = resolve(world.cwd, options.stack ?? join('.millrace', 'stack.json'));
  const stack = await readStackFile(path);
  if (stack === null && named) throw notRunning(path);
  if (stack === null) return { configuration: await read(layers, [], world), stack: null };
  return { configuration: await read(layers, [stackLayer(shown(path, world), stack)], world), stack };
}

/** The same with servers that the stack itself has just started. */
export async function configurationForStack(
  options: Pick<ConfigurationOptions, 'config'>,
  world: World,
  stack: StackFile,
): Promise<Configuration> {
  return read(await layersOf(options, world), [stackLayer('the local stack', stack)], world);
}

const SERVERS = ['store', 'nats', 'database', 'volumes'];

/** What the roles of a local stack get of the operator's environment: his settings, without the servers and volumes, which are the stack's own. */
export function roleSettings(
  env: World['env'],
  { config }: Pick<ConfigurationOptions, 'config'>,
  cwd: string,
): World['env'] {
  const servers = entriesOf(configurationSchema, settings).flatMap(({ meta, path }) =>
    meta?.env !== undefined && SERVERS.includes(path[0] ?? '') && path[1] !== 'name'
      ? [meta.env, `${meta.env}_FILE`]
      : [],
  );
  const own = Object.entries(env).filter(([name]) => name.startsWith(PREFIX) && !servers.includes(name));
  const file = config ?? (env[CONFIG_VARIABLE] || undefined);
  return { ...Object.fromEntries(own), ...(file === undefined ? {} : { [CONFIG_VARIABLE]: resolve(cwd, file) }) };
}

async function layersOf({ config }: Pick<ConfigurationOptions, 'config'>, world: World): Promise<ConfigLayer[]> {
  const chosen = config ?? (world.env[CONFIG_VARIABLE] || undefined);
  const path = chosen === undefined ? join(world.home, 'config', 'millrace.yaml') : resolve(world.cwd, chosen);
  const host = world.hostname.replace(/[^A-Za-z0-9._-]/g, '-');
  return [
    { name: 'the defaults', values: { host } },
    { ...(await readYamlLayer(path)), name: shown(path, world) },
  ];
}

function read(
  layers: readonly ConfigLayer[],
  overrides: readonly ConfigLayer[],
  { env }: World,
): Promise<Configuration> {
  return readConfig({
    schema: configurationSchema,
    registry: settings,
    layers,
    overrides,
    env,
    envPrefix: PREFIX,
    otherVariables: [CONFIG_VARIABLE],
    remedy: REMEDY,
  });
}

function stackLayer(name: string, stack: StackFile): ConfigLayer {
  return { name, values: settingsOf(stack) };
}

function shown(path: string, { cwd }: World): string {
  const short = relative(cwd, path);
  return short.startsWith('..') ? path : short;
}

function notRunning(path: string): AppError {
  return new AppError('STACK_NOT_RUNNING', `there is no ${path}`, {
    disposition: 'fatal',
    remedy:
      'Start the stack with npm start and wait until it says that it is ready, or name another file with --stack FILE.',
  });
}
