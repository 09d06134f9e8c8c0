// What went wrong with PostgreSQL, in the words that a caller decides by.
import { AppError, codeOf, isAppError } from '../platform/errors.ts';

/** SQLSTATE classes and codes after which the server, or the way to it, is to be waited for. */
const AWAY = /^(08...|57P0[1-5]|53...|58...|XX...|25P0[34]|E[A-Z_]+)$/;
/** pg's own errors of a lost or hanging connection bear no code. */
const AWAY_WORDS = /connection|timeout|timed out|not queryable|after calling end/i;
const NOT_LET_IN = /^(28...|3D000|42501)$/;
const SCHEMA_MISSING = /^(3F000|42P01|42703|42883)$/;

/** INDEX_UNAVAILABLE, INDEX_TIMEOUT, INDEX_CONFLICT, INDEX_ACCESS_DENIED, INDEX_NOT_PROVISIONED or INDEX_FAILED, with the cause. */
export function indexError(cause: unknown): AppError {
  if (isAppError(cause)) return cause;
  const code = codeOf(cause);
  const details = { pgCode: code };
  if (AWAY.test(code) || (code === 'UNKNOWN' && cause instanceof Error && AWAY_WORDS.test(cause.message))) {
    return new AppError('INDEX_UNAVAILABLE', 'the index cannot be reached', { disposition: 'retry', cause, details });
  }
  if (code === '57014' || code === '55P03') {
    return new AppError('INDEX_TIMEOUT', 'the index did not answer in time', { disposition: 'retry', cause, details });
  }
  if (code === '40P01' || code === '40001') {
    return new AppError('INDEX_CONFLICT', 'the index gave this transaction up for another', {
      disposition: 'retry',
      cause,
      details,
    });
  }
  if (NOT_LET_IN.test(code)) {
    return new AppError('INDEX_ACCESS_DENIED', 'the index does not let us in', {
      disposition: 'fatal',
      cause,
      details,
      remedy: 'Check user, password, database and grants of the index URL.',
    });
  }
  if (SCHEMA_MISSING.test(code)) return notProvisioned(cause);
  return new AppError('INDEX_FAILED', 'the index refused a statement', { disposition: 'retry', cause, details });
}

export function notProvisioned(cause?: unknown): AppError {
  return new AppError('INDEX_NOT_PROVISIONED', 'the database has no index of ours, or an older one', {
    disposition: 'fatal',
    cause,
    remedy: 'Run millrace provision.',
  });
}
