// The log: one JSON line per event on stderr, a constant message, everything that varies as keys, no secrets (I9).
import { hostname } from 'node:os';
import { type DestinationStream, pino } from 'pino';
import { createScrubber, REDACTED, SECRET_KEYS } from './scrub.ts';
import { serialiseError } from './serialise-error.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** debug: not per event in production · warn: nothing is lost · error: an operator has to act. Errors go under the key `err`. */
export interface Log {
  debug(keys: object, message: string): void;
  info(keys: object, message: string): void;
  warn(keys: object, message: string): void;
  error(keys: object, message: string): void;
  /** A log whose lines all bear these keys. */
  child(keys: object): Log;
}

export interface LogOptions {
  readonly role: string;
  readonly level?: LogLevel;
  /** The configured name; the machine's own where absent. */
  readonly host?: string;
  /** Values that no line may show, from the configuration: see `secretsOf`. */
  readonly secrets?: readonly string[];
  /** stderr where absent, written synchronously: the last lines before a crash are the ones that are needed. */
  readonly destination?: DestinationStream;
}

export function createLog({
  role,
  level = 'info',
  host = hostname(),
  secrets = [],
  destination = pino.destination({ fd: 2, sync: true }),
}: LogOptions): Log {
  const scrub = createScrubber(secrets);
  return pino(
    {
      level,
      base: { role, host, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serialiseError },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: REDACTED },
      hooks: { streamWrite: scrub },
    },
    destination,
  );
}
