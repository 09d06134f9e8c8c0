// Where jobs live: in BullMQ's own schema of the database that holds the index. All of it can be thrown away: sweeps find the work again.
import { createPostgresBackend, withBackend } from 'bullmq';
import { AppError, codeOf, messageOf } from '../platform/errors.ts';

export interface JobsOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
}

export const { Queue, Worker } = withBackend(createPostgresBackend);

/** Each queue and worker has a pool of its own. */
export function connectionOf({ url, applicationName }: JobsOptions) {
  return {
    connectionString: url,
    application_name: applicationName,
    max: 4,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** What BullMQ throws, as an error of ours. */
export function jobsError(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error;
  const name = error instanceof Error ? error.name : '';
  if (name === 'SchemaMigrationRequiredError' || codeOf(error) === '42P01' || codeOf(error) === '3F000') {
    return new AppError('JOBS_NOT_PROVISIONED', 'the database has no tables for planned jobs', {
      disposition: 'fatal',
      cause: error,
      remedy: 'Run millrace provision.',
    });
  }
  if (name === 'SchemaVersionMismatchError') {
    return new AppError('JOBS_TOO_NEW', 'the tables of planned jobs were changed by a newer Millrace', {
      disposition: 'fatal',
      cause: error,
      remedy: 'Upgrade this Millrace to the version that provisioned the database.',
    });
  }
  return new AppError('JOBS_UNAVAILABLE', `${doing} failed: ${messageOf(error)}`, { cause: error });
}
