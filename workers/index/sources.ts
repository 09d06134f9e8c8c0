// What the index knows of buckets: their ids, the sweeps they owe, the removals that were withheld.
import { randomUUID } from 'node:crypto';
import type { Database } from './database.ts';

const SOURCE_ID = {
  name: 'source-id',
  text: 'SELECT source_id FROM millrace.sources WHERE store = $1 AND bucket = $2',
};

/** Null: never provisioned. */
export async function sourceId(db: Database, store: string, bucket: string): Promise<string | null> {
  const [row] = await db.query<{ source_id: string | null }>(SOURCE_ID, [store, bucket]);
  return row?.source_id ?? null;
}

/** The id stays what it was first; asked by two processes at once, one has made it. */
export async function registerSource(
  db: Database,
  store: string,
  bucket: string,
  newId: () => string = randomUUID,
): Promise<{ readonly id: string; readonly created: boolean }> {
  const made = await db.query(
    `INSERT INTO millrace.sources AS s (store, bucket, source_id, registered_at) VALUES ($1, $2, $3, now())
     ON CONFLICT (store, bucket) DO UPDATE SET source_id = excluded.source_id, registered_at = excluded.registered_at
     WHERE s.source_id IS NULL RETURNING source_id`,
    [store, bucket, newId()],
  );
  const id = await sourceId(db, store, bucket);
  if (id === null) throw new Error(`source ${store}/${bucket} vanished while it was registered`);
  return { id, created: made.length === 1 };
}

const OWE_SWEEP = {
  name: 'owe-sweep',
  text: `
  WITH source AS (
    INSERT INTO millrace.sources (store, bucket) VALUES ($1, $2) ON CONFLICT DO NOTHING
  )
  INSERT INTO millrace.owed_sweeps AS o (store, bucket, reason, first_at, last_at) VALUES ($1, $2, $3, now(), now())
  ON CONFLICT (store, bucket, reason) DO UPDATE SET last_at = greatest(o.last_at, excluded.last_at)`,
};

export async function oweSweep(db: Database, store: string, bucket: string, reason: string): Promise<void> {
  await db.query(OWE_SWEEP, [store, bucket, reason]);
}

export interface OwedSweep {
  readonly store: string;
  readonly bucket: string;
  readonly reason: string;
  /** When it was first and last owed, by the index's clock. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export async function owedSweeps(db: Database): Promise<readonly OwedSweep[]> {
  const rows = await db.query<{ store: string; bucket: string; reason: string; first_at: Date; last_at: Date }>(
    'SELECT store, bucket, reason, first_at, last_at FROM millrace.owed_sweeps ORDER BY first_at, store, bucket, reason',
  );
  return rows.map(({ store, bucket, reason, first_at, last_at }) => {
    return { store, bucket, reason, firstAtMs: first_at.getTime(), lastAtMs: last_at.getTime() };
  });
}

/** A sweep of the whole bucket that began at `startedAtMs` of the index's clock (see `now`) ended: what was owed since then stays owed. */
export async function paySweep(db: Database, store: string, bucket: string, startedAtMs: number): Promise<void> {
  await db.query(
    'DELETE FROM millrace.owed_sweeps WHERE store = $1 AND bucket = $2 AND last_at < to_timestamp($3::float8 / 1000)',
    [store, bucket, startedAtMs],
  );
}

/** Every bucket of the store that we were ever told of, also those that no source names any more. */
export async function knownBuckets(db: Database, store: string): Promise<readonly string[]> {
  const rows = await db.query<{ bucket: string }>(
    'SELECT bucket FROM millrace.sources WHERE store = $1 AND source_id IS NOT NULL ORDER BY bucket',
    [store],
  );
  return rows.map(({ bucket }) => bucket);
}

/** Milliseconds since the epoch, by the index's clock. */
export async function indexNow(db: Database): Promise<number> {
  const [row] = await db.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  return row?.now.getTime() ?? Number.NaN;
}

/** Removals withheld by the guard (I5). 0: none any more. */
export async function flagRemovals(db: Database, store: string, bucket: string, count: number): Promise<void> {
  await db.query(
    `INSERT INTO millrace.sources (store, bucket, removals_flagged, removals_flagged_at)
     VALUES ($1, $2, nullif($3::bigint, 0), CASE WHEN $3 > 0 THEN now() END)
     ON CONFLICT (store, bucket) DO UPDATE
     SET removals_flagged = excluded.removals_flagged, removals_flagged_at = excluded.removals_flagged_at`,
    [store, bucket, count],
  );
}

export interface FlaggedRemovals {
  readonly store: string;
  readonly bucket: string;
  readonly count: number;
  readonly atMs: number;
}

export async function flaggedRemovals(db: Database): Promise<readonly FlaggedRemovals[]> {
  const rows = await db.query<{ store: string; bucket: string; removals_flagged: number; removals_flagged_at: Date }>(
    `SELECT store, bucket, removals_flagged, removals_flagged_at FROM millrace.sources
     WHERE removals_flagged IS NOT NULL ORDER BY store, bucket`,
  );
  return rows.map(({ store, bucket, removals_flagged, removals_flagged_at }) => {
    return { store, bucket, count: removals_flagged, atMs: removals_flagged_at.getTime() };
  });
}
