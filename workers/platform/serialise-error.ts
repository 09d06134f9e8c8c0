// An error as a log line shows it: code, message, what to do, every cause, and the stack.
import { AppError, codeOf, messageOf } from './errors.ts';

export interface SerialisedError {
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly stack?: string;
  /** What it was caused by, nearest first. */
  readonly causes?: readonly SerialisedError[];
  /** The errors of an AggregateError. */
  readonly errors?: readonly SerialisedError[];
}

const MAX_CAUSES = 8;

/** Also takes what is not an Error: JavaScript throws anything. */
export function serialiseError(error: unknown): SerialisedError {
  const causes: SerialisedError[] = [];
  for (let at = causeOf(error); at !== undefined && at !== null && causes.length < MAX_CAUSES; at = causeOf(at))
    causes.push(own(at));
  const stack = error instanceof Error ? error.stack : undefined;
  return { ...own(error), ...(stack === undefined ? {} : { stack }), ...(causes.length === 0 ? {} : { causes }) };
}

function own(error: unknown): SerialisedError {
  if (!(error instanceof Error)) return { type: typeof error, code: codeOf(error), message: messageOf(error) };
  return {
    type: error.name,
    code: codeOf(error),
    message: messageOf(error),
    ...(error instanceof AppError && error.remedy !== undefined ? { remedy: error.remedy } : {}),
    ...(error instanceof AppError && Object.keys(error.details).length > 0 ? { details: error.details } : {}),
    ...(error instanceof AggregateError ? { errors: error.errors.slice(0, MAX_CAUSES).map(serialiseError) } : {}),
  };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
