// How fast the pool renders, measured by what it did lately.
import type { Database } from './database.ts';

export interface RenderRate {
  /** Renders that were measured: 2,000 at most, of the last seven days. */
  readonly renders: number;
  /** Per second of the time in which at least one ran, so that idle hours do not count. */
  readonly perS: number;
}

/** Null: nothing was rendered lately. */
export async function renderRate(db: Database): Promise<RenderRate | null> {
  const [row] = await db.query<{ renders: number; busy_s: number }>(
    `WITH recent AS (
       SELECT started_at, ended_at FROM millrace.attempts
       WHERE outcome = 'rendered' AND started_at > now() - interval '7 days' ORDER BY started_at DESC LIMIT 2000
     ), after_earlier AS (
       SELECT started_at, ended_at,
         max(ended_at) OVER (ORDER BY started_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until FROM recent
     )
     SELECT count(*) AS renders,
       coalesce(sum(greatest(0, extract(epoch FROM ended_at - greatest(started_at, busy_until)))), 0)::float8 AS busy_s
     FROM after_earlier`, // greatest() passes over the null that the first has no earlier one by
  );
  if (row === undefined || row.renders === 0 || row.busy_s === 0) return null;
  return { renders: row.renders, perS: row.renders / row.busy_s };
}
