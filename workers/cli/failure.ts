// Tells on stderr why a command failed: code, one sentence, what to do; as one line of JSON where --json was given.
import { errorCode } from '../model/error-codes.ts';
import { AppError, chainOf, codeOf } from '../platform/errors.ts';
import { scrubText } from '../platform/scrub.ts';
import type { Io } from './deps.ts';

/** The exit code. An error that nobody foresaw brings its stack along. */
export function tellFailure(error: unknown, { args, stderr }: Pick<Io, 'args' | 'stderr'>): number {
  const code = codeOf(error);
  const message = chainOf(error);
  const remedy = error instanceof AppError ? (error.remedy ?? errorCode(code)?.remedy) : undefined;
  const faults = error instanceof AppError ? error.details['faults'] : undefined;
  if (args.includes('--json')) {
    const told = {
      code,
      message,
      ...(remedy === undefined ? {} : { remedy }),
      ...(faults === undefined ? {} : { faults }),
    };
    stderr.write(`${scrubText(JSON.stringify({ error: told }))}\n`);
  } else {
    const stack = code === 'UNKNOWN' && error instanceof Error ? `\n${error.stack ?? ''}` : '';
    stderr.write(scrubText(`millrace: ${code}: ${message}\n${remedy === undefined ? '' : `${remedy}\n`}${stack}`));
  }
  return code === 'USAGE' ? 2 : 1;
}
