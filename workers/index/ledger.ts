// What the keeper of a volume asks: which sets are to go, and what the index says about a directory it found.
import type { SetState } from '../model/rendition-set.ts';
import type { Database } from './database.ts';

/** Ids of the sets condemned at least `graceMs` ago, oldest first. */
export async function condemned(
  db: Database,
  volume: string,
  graceMs: number,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM millrace.sets
     WHERE volume = $1 AND state = 'condemned' AND condemned_at <= clock_timestamp() - $2::float8 * interval '1 ms'
     ORDER BY condemned_at, id LIMIT $3`,
    [volume, graceMs, limit],
  );
  return rows.map(({ id }) => id);
}

/** How many there were. What somebody holds locked is being renewed, committed or condemned right now: SKIP LOCKED leaves it to them. */
export async function condemnExpired(db: Database, volume: string): Promise<number> {
  const rows = await db.query(
    `UPDATE millrace.sets SET state = 'condemned', condemned_at = clock_timestamp(), lease_until = NULL
     WHERE id IN (
       SELECT id FROM millrace.sets WHERE volume = $1 AND state = 'writing' AND lease_until <= clock_timestamp() FOR UPDATE SKIP LOCKED
     ) RETURNING id`,
    [volume],
  );
  return rows.length;
}

/** Deletes the row of a condemned set; of any other it keeps it. */
export async function forget(db: Database, setId: string): Promise<void> {
  await db.query(`DELETE FROM millrace.sets WHERE id = $1 AND state = 'condemned'`, [setId]);
}

const STATE_OF = { name: 'state-of', text: 'SELECT state FROM millrace.sets WHERE id = $1' };

export async function stateOf(db: Database, setId: string): Promise<SetState | null> {
  const [row] = await db.query<{ state: SetState }>(STATE_OF, [setId]);
  return row?.state ?? null;
}

/** All sets of the volume, whatever their state. */
export async function count(db: Database, volume: string): Promise<number> {
  const [row] = await db.query<{ sets: number }>('SELECT count(*) AS sets FROM millrace.sets WHERE volume = $1', [
    volume,
  ]);
  return row?.sets ?? 0;
}
