// The commands about how it goes and what went wrong: `status`, `doctor`, `dead-letter` and `refusal`.
import { type Command, InvalidArgumentError } from 'commander';
import type { ConfigurationOptions } from './load-configuration.ts';
import type { Session } from './session.ts';
import type { Change } from './selection.ts';

type Done = (code: number) => void;

export function addDesk(program: Command, session: Session, done: Done): void {
  program
    .command('status')
    .description('lanes, processors, volumes, streams; in a terminal again and again')
    .option('--once', 'once, also in a terminal')
    .option('--json', 'once, as one line of JSON')
    .action(async (options: { once?: boolean; json?: boolean }, command: Command) => {
      const { showStatus } = await import('./status.ts');
      done(await showStatus(options, globals(command), session));
    });

  program
    .command('doctor')
    .description('looks at every hop, sends an object through, and says what is broken and what helps')
    .option('--no-probe', 'send no object through')
    .option('--json', 'one line of JSON per finding')
    .action(async (options: { probe: boolean; json?: boolean }, command: Command) => {
      const { callDoctor } = await import('./doctor.ts');
      done(await callDoctor(options, globals(command), session));
    });

  const letters = program
    .command('dead-letter')
    .description('messages that could not be read, or were delivered too often')
    .helpCommand(false);
  selecting(letters.command('ls').description('all of them, oldest first')).action(
    async (options: Change, command: Command) => {
      const { listLetters } = await import('./dead-letter.ts');
      done(await listLetters(options, globals(command), session));
    },
  );
  letters
    .command('show')
    .description('one, with the message as it was')
    .argument('<number>', 'as ls tells it', number)
    .option('--json', 'as one line of JSON')
    .action(async (which: number, options: { json?: boolean }, command: Command) => {
      const { showLetter } = await import('./dead-letter.ts');
      done(await showLetter(which, options, globals(command), session));
    });
  changing(letters.command('redrive').description('puts their objects to work again, and the letters away'))
    .argument('[number...]', 'as ls tells them', numbers)
    .option('--as-message', 'back to where the message came from, also where it names an object')
    .action(async (which: number[] | undefined, options: Change & { asMessage?: boolean }, command: Command) => {
      const { redriveLetters } = await import('./dead-letter.ts');
      done(await redriveLetters(which ?? [], options, globals(command), session));
    });
  changing(letters.command('drop').description('throws them away'))
    .argument('[number...]', 'as ls tells them', numbers)
    .action(async (which: number[] | undefined, options: Change, command: Command) => {
      const { dropLetters } = await import('./dead-letter.ts');
      done(await dropLetters(which ?? [], options, globals(command), session));
    });

  const refusals = program.command('refusal').description('objects that cannot be rendered').helpCommand(false);
  selecting(refusals.command('ls').description('all of them, in key order')).action(
    async (options: Change, command: Command) => {
      const { listRefusals } = await import('./refusal.ts');
      done(await listRefusals(options, globals(command), session));
    },
  );
  refusals
    .command('show')
    .description('why one object is refused, and what helps')
    .argument('<bucket/key>', 'the key as it is, not escaped')
    .option('--json', 'as one line of JSON')
    .action(async (path: string, options: { json?: boolean }, command: Command) => {
      const { showRefusal } = await import('./refusal.ts');
      done(await showRefusal(path, options, globals(command), session));
    });
  changing(refusals.command('retry').description('has them tried again now'))
    .argument('[bucket/key...]', 'the keys as they are, not escaped')
    .action(async (paths: string[], options: Change, command: Command) => {
      const { retryRefusals } = await import('./refusal.ts');
      done(await retryRefusals(paths, options, globals(command), session));
    });
  changing(
    refusals.command('drop').description('has them not tried again before the object, limits or decoders change'),
  )
    .argument('[bucket/key...]', 'the keys as they are, not escaped')
    .action(async (paths: string[], options: Change, command: Command) => {
      const { dropRefusals } = await import('./refusal.ts');
      done(await dropRefusals(paths, options, globals(command), session));
    });
}

function globals(command: Command): ConfigurationOptions {
  return command.optsWithGlobals<ConfigurationOptions>();
}

function selecting(command: Command): Command {
  return command
    .option('--code <code>', 'only with this code, see config/ERRORS.md')
    .option('--bucket <name>', 'only of this bucket')
    .option('--prefix <text>', 'only of keys that start with it')
    .option('--since <time>', 'only since then: 30m, 12h, 7d, or a date')
    .option('--limit <n>', 'at most so many', number)
    .option('--json', 'one line of JSON each');
}

function changing(command: Command): Command {
  return selecting(command)
    .option('--all', 'all of them, without any of the options above')
    .option('--dry-run', 'only tell which');
}

function number(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number above 0.');
}

function numbers(text: string, before: readonly number[] | undefined): readonly number[] {
  return [...(before ?? []), number(text.replace(/^#/, ''))];
}
