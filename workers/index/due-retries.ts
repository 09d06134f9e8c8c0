// Refused rows whose retry time has come, longest due first, streamed in pages.
import type { ObjectRef } from '../model/object-ref.ts';
import type { Database } from './database.ts';

export interface DueRetry {
  readonly ref: ObjectRef;
  readonly revision: number;
  readonly generation: number;
}

const PAGE = 500;

interface Columns {
  bucket: string;
  key: string;
  revision: number;
  generation: number;
  /** As text: a Date would cut its microseconds, and the next page begin too early. */
  retry_at: string;
}

/** By PostgreSQL's clock, as it is when each page is read. */
export async function* dueRetries(
  db: Database,
  store: string,
  pageSize = PAGE,
): AsyncGenerator<DueRetry, void, undefined> {
  let last: Columns | undefined;
  for (;;) {
    const rows: Columns[] = await db.query<Columns>(
      `SELECT bucket, key, revision, generation, refusal_retry_at::text AS retry_at FROM millrace.objects
       WHERE store = $1 AND refusal_retry_at <= now() AND refusal_retry_at IS NOT NULL
         AND (refusal_retry_at, bucket, key) > ($2::timestamptz, $3, $4)
       ORDER BY refusal_retry_at, bucket, key LIMIT ${pageSize}`,
      [store, last?.retry_at ?? '-infinity', last?.bucket ?? '', last?.key ?? ''],
    );
    for (const row of rows) {
      last = row;
      const { bucket, key, revision, generation } = row;
      yield { ref: { store, bucket, key }, revision, generation };
    }
    if (rows.length < pageSize) return;
  }
}
