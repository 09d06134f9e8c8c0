// How attempts ended lately, for `status`.
import type { Database } from './database.ts';

/** Outcome → how many within the last `windowMs`. An attempt that took longer than an hour is not counted. */
export async function recentAttempts(db: Database, windowMs: number): Promise<Readonly<Record<string, number>>> {
  const rows = await db.query<{ outcome: string; attempts: number }>(
    `SELECT outcome, count(*) AS attempts FROM millrace.attempts
     WHERE started_at > clock_timestamp() - interval '1 hour' - $1::float8 * interval '1 ms'
       AND ended_at > clock_timestamp() - $1::float8 * interval '1 ms'
     GROUP BY outcome ORDER BY outcome`,
    [windowMs],
  );
  return Object.fromEntries(rows.map(({ outcome, attempts }) => [outcome, attempts]));
}
