// What was tried for an object: read by `explain`, kept 30 days.
import type { ObjectRef } from '../model/object-ref.ts';
import type { Database } from './database.ts';
import type { AttemptEnding } from '../model/commit.ts';
import type { Attempt } from '../model/history.ts';

const ATTEMPTS_KEPT_MS = 30 * 24 * 3_600_000;

interface Columns {
  set_id: string;
  version: string;
  host: string;
  started_at: Date;
  ended_at: Date | null;
  outcome: AttemptEnding['outcome'] | null;
  code: string | null;
  message: string | null;
  phases: Record<string, number> | null;
}

/** Newest first. */
export async function attemptsOf(db: Database, ref: ObjectRef, limit = 100): Promise<readonly Attempt[]> {
  const rows = await db.query<Columns>(
    `SELECT set_id, version, host, started_at, ended_at, outcome, code, message, phases FROM millrace.attempts
     WHERE store = $1 AND bucket = $2 AND key = $3 ORDER BY started_at DESC, set_id LIMIT $4`,
    [ref.store, ref.bucket, ref.key, limit],
  );
  return rows.map(({ set_id, version, host, started_at, ended_at, outcome, code, message, phases }) => {
    const ending =
      ended_at === null || outcome === null
        ? null
        : { outcome, code, message, phasesMs: phases ?? {}, endedAtMs: ended_at.getTime() };
    return { setId: set_id, version, host, startedAtMs: started_at.getTime(), ending };
  });
}

/** Deletes what began before, in portions, so that no transaction is long; how many. An attempt whose set is still being written stays. */
export async function pruneAttempts(db: Database, keptMs = ATTEMPTS_KEPT_MS, portion = 1_000): Promise<number> {
  let pruned = 0;
  for (;;) {
    const gone = await db.query(
      `DELETE FROM millrace.attempts WHERE set_id IN (
         SELECT a.set_id FROM millrace.attempts AS a
         WHERE a.started_at < now() - $1::float8 * interval '1 ms'
           AND NOT EXISTS (SELECT FROM millrace.sets AS s WHERE s.id = a.set_id AND s.state = 'writing')
         ORDER BY a.started_at LIMIT $2 FOR UPDATE SKIP LOCKED
       ) RETURNING set_id`,
      [keptMs, portion],
    );
    pruned += gone.length;
    if (gone.length < portion) return pruned;
  }
}
