// Says whether this build may work with that database; roles ask before anything else and change nothing.
import { AppError } from '../platform/errors.ts';
import type { Database } from './database.ts';
import { notProvisioned } from './index-errors.ts';
import { knownMigrations } from './migrate.ts';

/**
 * Resolves with the index's id. Errors: `INDEX_NOT_PROVISIONED` (something is missing), `INDEX_TOO_NEW`.
 * A migration that only adds is named without `-contract-`, and builds that do not know it run on beside it (I11); one that takes
 * something away has it in its name, and stops them here.
 */
export async function verifyIndex(db: Database): Promise<string> {
  const ran = await db.query<{ name: string }>('SELECT name FROM millrace.migrations');
  const names = new Set(ran.map(({ name }) => name));
  const known = new Set(await knownMigrations());
  if (!known.isSubsetOf(names)) throw notProvisioned();
  const foreign = [...names.difference(known)].filter((name) => name.includes('-contract-'));
  if (foreign.length > 0) {
    throw new AppError('INDEX_TOO_NEW', 'the schema of the index has been changed by a newer Millrace', {
      disposition: 'fatal',
      details: { migrations: foreign },
      remedy: 'Upgrade this Millrace to the version that provisioned the index.',
    });
  }
  const indexId = await readIndexId(db);
  if (indexId === null) throw notProvisioned();
  return indexId;
}

export async function readIndexId(db: Database): Promise<string | null> {
  const [row] = await db.query<{ index_id: string }>('SELECT index_id FROM millrace.index_identity');
  return row?.index_id ?? null;
}
