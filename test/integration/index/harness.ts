// A provisioned index in a database of its own, for the tests of this folder.
import { Client } from 'pg';
import type { OpenIndex } from '../../../workers/index/open-index.ts';
import { openIndex } from '../../../workers/index/open-index.ts';
import { provisionIndex } from '../../../workers/index/provision-index.ts';
import type { Index, SetLedger } from '../../../workers/pipeline/ports.ts';
import type { IndexUnderTest } from '../../contract/index.ts';
import { eventually } from '../../harness/eventually.ts';
import type { TestPostgres } from '../../harness/servers.ts';

export const quiet = { warn: () => undefined };

export interface TestIndex extends IndexUnderTest, AsyncDisposable {
  readonly index: OpenIndex & Index & SetLedger;
  readonly url: string;
  /** Plain SQL beside the index, on a connection of its own. */
  readonly sql: <R extends object>(text: string, values?: unknown[]) => Promise<R[]>;
}

export async function testIndex(postgres: TestPostgres, poolSize = 10): Promise<TestIndex> {
  const url = await postgres.createDatabase();
  const options = { url, poolSize, applicationName: 'test' };
  await using provisioned = await provisionIndex(options, quiet);
  await provisioned.registerGeneration({});
  const index = openIndex(options, quiet);
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  const sql = async <R extends object>(text: string, values: unknown[] = []) =>
    (await client.query<R>(text, values)).rows;
  const close = async () => {
    await client.end();
    await index.close();
  };
  const advance = async (ms: number) => {
    await sql(
      `UPDATE millrace.sets SET lease_until = lease_until - $1 * interval '1 ms', condemned_at = condemned_at - $1 * interval '1 ms'`,
      [ms],
    );
  };
  return { index, url, sql, advance, close, [Symbol.asyncDispose]: close };
}

/** Resolves when so many sessions of the database wait for a lock. */
export async function waitingForLocks({ sql }: TestIndex, sessions: number): Promise<void> {
  await eventually(async () => {
    await sql('SELECT pg_stat_clear_snapshot()'); // inside a transaction the view stands still otherwise
    const waiting = await sql(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return waiting.length === sessions;
  });
}
