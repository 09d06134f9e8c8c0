// The commands, their options and their help: `millrace <noun> <verb>`. What they do is imported only when one of them runs, so that --help is quick.
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { BACKFILL_STATES, type BackfillState } from '../model/pass.ts';
import type { ViewState } from '../pipeline/object-view.ts';
import type { SweepRequest } from './deps.ts';
import { addDesk } from './program-desk.ts';
import type { Session } from './session.ts';

/** Every action ends by calling `done` with the exit code. */
export function createProgram(session: Session, version: string, done: (code: number) => void): Command {
  const program = new Command('millrace')
    .description('Makes renditions of every picture in a bucket, and keeps them right.')
    .version(version, '--version')
    .option('--config <file>', 'configuration file (default: config/millrace.yaml; also MILLRACE_CONFIG)')
    .option(
      '--stack <file>',
      'stack.json of a local stack (default: .millrace/stack.json, where nothing else names servers)',
    )
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExit codes: 0 fine, 1 told why not on stderr, 2 not a command. Settings: config/README.md',
    );
  addObject(program, session, done);
  addDesk(program, session, done);
  addConfig(program, session, done);
  addOperations(program, session, done);
  addBackfill(program, session, done);
  addRoles(program, session, done);
  return program;
}

interface ProvisionOptions {
  readonly json?: boolean;
  readonly acceptSource?: readonly string[];
}

interface Globals {
  readonly config?: string;
  readonly stack?: string;
}

type Done = (code: number) => void;

function addObject(program: Command, session: Session, done: Done): void {
  const object = program.command('object').description('what became of objects').helpCommand(false);
  object
    .command('show')
    .description('state, renditions and refusal of one object')
    .argument('<bucket/key>', 'the key as it is, not escaped')
    .option('--json', 'as one line of JSON')
    .action(async (path: string, { json = false }: { json?: boolean }, command: Command) => {
      const { showObject } = await import('./object-show.ts');
      done(await showObject(path, { json }, command.optsWithGlobals<Globals>(), session));
    });
  object
    .command('explain')
    .description('everything that happened to one object, why it is as it is, and what would help')
    .argument('<bucket/key>', 'the key as it is, not escaped; also of a removed object')
    .option('--since <time>', 'look for events since then: 30m, 12h, 7d, or a date (default: all that are kept)')
    .option('--json', 'as one line of JSON')
    .action(async (path: string, options: { since?: string; json?: boolean }, command: Command) => {
      const { explainObject } = await import('./object-explain.ts');
      done(await explainObject(path, options, command.optsWithGlobals<Globals>(), session));
    });
  const states: readonly ViewState[] = ['committed', 'pending', 'refused', 'absent', 'plain'];
  object
    .command('ls')
    .description('all objects, in key order')
    .option('--bucket <name>', 'only this bucket (default: every bucket of the configuration)')
    .option('--prefix <text>', 'only keys that start with it')
    .addOption(new Option('--state <state>', 'only objects in this state').choices(states))
    .option('--json', 'one line of JSON per object')
    .action(
      async (options: { bucket?: string; prefix?: string; state?: ViewState; json?: boolean }, command: Command) => {
        const { listObjects } = await import('./object-ls.ts');
        done(
          await listObjects({ ...options, json: options.json ?? false }, command.optsWithGlobals<Globals>(), session),
        );
      },
    );
}

function addConfig(program: Command, session: Session, done: Done): void {
  const config = program.command('config').description('the settings in force').helpCommand(false);
  config
    .command('show')
    .description('every setting with its value; secrets are not shown')
    .option('--json', 'as JSON instead of YAML')
    .action(async ({ json = false }: { json?: boolean }, command: Command) => {
      const { showConfiguration } = await import('./config-commands.ts');
      done(await showConfiguration({ json }, command.optsWithGlobals<Globals>(), session));
    });
  config
    .command('check')
    .description('reads the settings and tells every fault')
    .option('--json', 'errors as JSON')
    .action(async (_options: object, command: Command) => {
      const { checkConfiguration } = await import('./config-commands.ts');
      done(await checkConfiguration(command.optsWithGlobals<Globals>(), session));
    });
}

function addOperations(program: Command, session: Session, done: Done): void {
  program
    .command('provision')
    .description(
      'makes streams, consumers, notification rules, tables and volume markers, and registers the configuration; prints what it changed',
    )
    .option(
      '--accept-source <bucket...>',
      'take a bucket as it is now, although it was made anew or bears the id of another index',
    )
    .option('--json', 'one line of JSON per change')
    .action(async ({ json = false, acceptSource = [] }: ProvisionOptions, command: Command) => {
      const { provision } = await import('./operations.ts');
      done(await provision({ acceptSources: acceptSource }, { json }, command.optsWithGlobals<Globals>(), session));
    });
  program
    .command('sweep')
    .description('compares buckets with the index and has every difference looked at')
    .option('--bucket <name>', 'only this bucket')
    .option('--prefix <text>', 'only keys that start with it', '')
    .option('--dry-run', 'only count')
    .option(
      '--allow-removals <n>',
      'remove up to N objects from the index, although the guard would wait',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
      0,
    )
    .option('--json', 'one line of JSON per bucket')
    .action(
      async (
        options: { bucket?: string; prefix: string; dryRun?: boolean; allowRemovals: number; json?: boolean },
        command: Command,
      ) => {
        const { sweep } = await import('./operations.ts');
        const { bucket, prefix, dryRun = false, allowRemovals, json = false } = options;
        const request: SweepRequest = { ...(bucket === undefined ? {} : { bucket }), prefix, dryRun, allowRemovals };
        done(await sweep(request, { json }, command.optsWithGlobals<Globals>(), session));
      },
    );
}

interface StartOptions {
  readonly bucket: string;
  readonly prefix: string;
  readonly since?: number;
  readonly preset?: string;
  readonly where?: BackfillState;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

function addBackfill(program: Command, session: Session, done: Done): void {
  const backfill = program
    .command('backfill')
    .description('passes over what is in a bucket already; the planner runs them')
    .helpCommand(false);
  backfill
    .command('start')
    .description('has everything looked at that is not as the configuration wants it')
    .requiredOption('--bucket <name>', 'the bucket')
    .option('--prefix <text>', 'only keys that start with it', '')
    .option(
      '--since <time>',
      'only objects modified since then: 2026-01-31, 2026-01-31T12:00:00Z, 12h, 7d',
      pointInTime,
    )
    .option('--preset <name>', 'only objects that are to have this preset')
    .option(
      '--where <state=…>',
      `only objects of which the index says so: state=${BACKFILL_STATES.join('|')}`,
      whereState,
    )
    .option(
      '--dry-run',
      'only count, and tell how long it would take; also with a configuration that is not registered',
    )
    .option('--json', 'one line of JSON')
    .action(async (options: StartOptions, command: Command) => {
      const { startBackfill } = await import('./backfill.ts');
      const { bucket, prefix, since, preset, where, dryRun = false, json = false } = options;
      const request = {
        bucket,
        prefix,
        ...(since === undefined ? {} : { sinceMs: since }),
        ...(preset === undefined ? {} : { preset }),
        ...(where === undefined ? {} : { state: where }),
        dryRun,
        json,
      };
      done(await startBackfill(request, command.optsWithGlobals<Globals>(), session));
    });
  backfill
    .command('ls')
    .description('backfills and sweeps of the last month, newest first')
    .option('--json', 'one line of JSON per pass')
    .action(async ({ json = false }: { json?: boolean }, command: Command) => {
      const { listBackfills } = await import('./backfill.ts');
      done(await listBackfills({ json }, command.optsWithGlobals<Globals>(), session));
    });
  for (const [name, description] of [
    ['pause', 'publishes no more until it is resumed'],
    ['resume', 'goes on where it was paused'],
    ['cancel', 'ends it and takes back the work items that wait'],
  ] as const) {
    backfill
      .command(name)
      .description(description)
      .argument('<id>', 'as ls shows it')
      .action(async (id: string, _options: object, command: Command) => {
        const { askBackfill } = await import('./backfill.ts');
        done(await askBackfill(name, id, command.optsWithGlobals<Globals>(), session));
      });
  }
}

/** Milliseconds since the epoch. */
function pointInTime(text: string): number {
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  if (ago !== null) {
    const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as 'm' | 'h' | 'd'];
    return Date.now() - Number(ago[1]) * unitMs;
  }
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError('Expected a date, a date with time, or a time ago such as 12h or 7d.');
}

function whereState(text: string): BackfillState {
  const state = BACKFILL_STATES.find((name) => text === `state=${name}`);
  if (state !== undefined) return state;
  throw new InvalidArgumentError(`Expected state= and one of ${BACKFILL_STATES.join(', ')}.`);
}

function addRoles(program: Command, session: Session, done: Done): void {
  program
    .command('stack')
    .description('runs everything on this machine, with real servers, until Ctrl-C')
    .option('--data <dir>', 'data folder', '.millrace')
    .option(
      '--port-base <n>',
      'first port: S3 N, NATS N+1, PostgreSQL N+2, keeper N+3, processors from N+10',
      wholeNumber(1024, 65_000),
      9400,
    )
    .option('--processors <n>', 'processors to run', wholeNumber(1, 64), 1)
    .option('--no-demo', 'no sample pictures')
    .action(
      async (options: { data: string; portBase: number; processors: number; demo: boolean }, command: Command) => {
        const { runStack } = await import('./run-stack.ts');
        const { data, portBase, processors, demo } = options;
        const folder = resolve(session.io.cwd, data);
        done(await runStack({ folder, portBase, processors, demo }, command.optsWithGlobals<Globals>(), session));
      },
    );
  for (const [name, description] of [
    ['processor', 'looks at changed objects and renders them, until it is stopped'],
    ['keeper', 'proves, serves and cleans the volumes of this machine, until it is stopped'],
    ['planner', 'plans sweeps, backfills and retries for the processors, until it is stopped'],
  ] as const) {
    program
      .command(name)
      .description(description)
      .action(async (_options: object, command: Command) => {
        const { runRole } = await import('./run-role.ts');
        done(await runRole(name, command.optsWithGlobals<Globals>(), session));
      });
  }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

export function packageFile(home: string): string {
  return join(home, 'package.json');
}
