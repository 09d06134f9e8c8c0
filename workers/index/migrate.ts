// Brings the schema `millrace` up to date: the plain SQL files of migrations/, in order, each once.
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { Client } from 'pg';
import { indexError } from './index-errors.ts';

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url));

/** Ours, so that another program's migrations in the same database do not wait for us. */
const LOCK = 7_110_202_511;

/** Names of the migrations that this build knows, in order. */
export async function knownMigrations(): Promise<readonly string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort();
}

/** Names of those that ran now. All run in one transaction, or none; a second process waits for the first and finds nothing to do. */
export async function migrate(url: string): Promise<readonly string[]> {
  const client = new Client({
    connectionString: url,
    application_name: 'millrace provision',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined); // the running statement rejects with it
  try {
    await client.connect();
    const ran = await runner({
      dbClient: client,
      dir: FOLDER,
      direction: 'up',
      schema: 'millrace',
      createSchema: true,
      migrationsTable: 'migrations',
      singleTransaction: true,
      advisoryLockMode: 'wait',
      lockValue: LOCK,
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore }, // what it has to say is in what it throws
    });
    return ran.map(({ name }) => name);
  } catch (error) {
    throw indexError(error);
  } finally {
    await client.end();
  }
}

function ignore(): void {}
