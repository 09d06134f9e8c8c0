// Every error we raise on purpose bears a stable code, says what to do about it, and keeps its cause.
import { inspect } from 'node:util';

/** What whoever catches it should do: try again later, never try this input again, or stop the process. */
export type Disposition = 'retry' | 'refuse' | 'fatal';

export interface AppErrorOptions {
  readonly disposition?: Disposition;
  readonly cause?: unknown;
  /** What the operator can do about it: one sentence, in the imperative. */
  readonly remedy?: string;
  /** Keys for the log line; never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** `code` is UPPER_SNAKE and stable: logs, rows, dead letters and tests name it. */
export class AppError extends Error {
  readonly code: string;
  readonly disposition: Disposition;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.disposition = options.disposition ?? 'retry';
    this.remedy = options.remedy;
    this.details = options.details ?? {};
  }
}

export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** The code of any error: ours, Node's (`ENOSPC`), or a driver's; `UNKNOWN` where there is none. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    const { code } = error;
    if (typeof code === 'string' || typeof code === 'number') return String(code);
  }
  return 'UNKNOWN';
}

/** Of anything that was thrown; never empty: a refused connection to a name with two addresses is an AggregateError without a message. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error))
    return typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 1, breakLength: Infinity });
  if (thrown.message !== '') return thrown.message;
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.map(messageOf).join('; ');
  return codeOf(thrown) === 'UNKNOWN' ? thrown.name : codeOf(thrown);
}

/** `a: b: c` down the causes, for a log line or a dead letter. */
export function chainOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 8; ) {
    parts.push(messageOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}
