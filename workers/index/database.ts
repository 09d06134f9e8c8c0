// A pool of connections to PostgreSQL that outlives the server's restarts and speaks in our errors.
import { Pool } from 'pg';
import { indexError } from './index-errors.ts';
import { columnTypes } from './row-codec.ts';

/** A statement of the hot path: planned once per connection under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export type Value = string | number | boolean | null;

export interface Database extends AsyncDisposable {
  /** One statement, one transaction. Rejects as `indexError` says. */
  query<R>(statement: Statement | string, values?: readonly Value[]): Promise<R[]>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** PostgreSQL cancels what runs longer; default 30 s. */
  readonly statementTimeoutMs?: number;
}

export interface DatabaseLog {
  warn(keys: object, message: string): void;
}

/** Connects when first asked. */
export function openDatabase(options: DatabaseOptions, log: DatabaseLog): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const pool = new Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.poolSize,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 300_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1_000, // a frozen server cancels nothing
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: columnTypes,
    // Every statement of ours finds its rows by an index, and no value makes another plan better: planning the commit costs more than
    // running it, and a plan made (and kept) while a table was small enough to be read whole would stay when it is large.
    options: '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off',
  });
  // Of a connection that dies while idle; the pool has dropped it already and makes another when asked.
  pool.on('error', (error) => log.warn({ err: error }, 'index connection lost'));

  let closing: Promise<void> | undefined;
  const close = () => (closing ??= pool.end());
  return {
    query: async <R>(statement: Statement | string, values: readonly Value[] = []) => {
      const named = typeof statement === 'string' ? { text: statement } : statement;
      try {
        const { rows } = await pool.query({ ...named, values: [...values] });
        return rows as R[];
      } catch (error) {
        throw indexError(error);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
