// A permit that one process in all holds at a time: a session lock of PostgreSQL on a connection of its own, gone with its holder.
import { Client } from 'pg';
import { AppError } from '../platform/errors.ts';
import type { Database } from './database.ts';
import { indexError } from './index-errors.ts';

export interface HostPermit extends AsyncDisposable {
  /** Aborted when the connection died: PostgreSQL may have given the permit to somebody else since. */
  readonly lost: AbortSignal;
  /** Gives it back; may be called twice, never rejects. */
  release(): Promise<void>;
}

export interface PermitDeps {
  readonly url: string;
  readonly applicationName: string;
  /** Frees a wait that was aborted: a session waiting for a lock does not notice that its client left. */
  readonly db: Database;
}

/**
 * Resolves when the permit `name` is ours, in the order of asking. Rejects with the signal's reason when it fires first, or with
 * `INDEX_UNAVAILABLE` when the index went away meanwhile. Two names are two permits: put the host into the name.
 */
export async function hostPermit(deps: PermitDeps, name: string, signal?: AbortSignal): Promise<HostPermit> {
  signal?.throwIfAborted();
  const client = new Client({
    connectionString: deps.url,
    application_name: deps.applicationName,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  const lost = new AbortController();
  let ended: Promise<void> | undefined;
  const end = () => (ended ??= client.end());
  const lose = (cause?: unknown) => {
    if (ended === undefined) {
      lost.abort(
        new AppError('PERMIT_LOST', 'the connection that held the permit was lost', { disposition: 'retry', cause }),
      );
    }
  };
  client.on('error', lose);
  client.on('end', () => lose());

  try {
    await client.connect();
    const session = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const pid = session.rows[0]?.pid ?? 0;
    const lock = client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`millrace permit ${name}`]);
    await (signal === undefined
      ? lock
      : orAborted(lock, signal, () => deps.db.query('SELECT pg_terminate_backend($1)', [pid])));
  } catch (error) {
    await end();
    throw signal?.aborted === true ? signal.reason : indexError(error);
  }
  return { lost: lost.signal, release: end, [Symbol.asyncDispose]: end };
}

/** Settles as `work` does. When the signal fires first, calls `abort`, after which `work` is expected to reject. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal, abort: () => Promise<unknown>): Promise<T> {
  let aborting: Promise<unknown> | undefined;
  const listen = () => {
    aborting = Promise.allSettled([abort()]);
  };
  signal.addEventListener('abort', listen, { once: true });
  if (signal.aborted) listen();
  try {
    const value = await work;
    signal.throwIfAborted();
    return value;
  } finally {
    signal.removeEventListener('abort', listen);
    await aborting;
  }
}
