// The sets of one object that the index still knows, for `explain`.
import type { KnownSet } from '../model/history.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { SetState } from '../model/rendition-set.ts';
import type { Database } from './database.ts';

interface Columns {
  id: string;
  version: string;
  state: SetState;
  volume: string;
  tier: string;
  host: string;
  created_at: Date;
  is_leased: boolean | null;
  condemned_at: Date | null;
}

/** Newest first. Found by the object's attempts and its row: `sets` itself has no index by object. */
export async function setsOf(
  db: Database,
  { store, bucket, key }: ObjectRef,
  limit = 100,
): Promise<readonly KnownSet[]> {
  const rows = await db.query<Columns>(
    `SELECT id, version, state, volume, tier, host, created_at, lease_until > clock_timestamp() AS is_leased, condemned_at
     FROM millrace.sets WHERE id IN (
       SELECT set_id FROM millrace.attempts WHERE store = $1 AND bucket = $2 AND key = $3
       UNION SELECT set_id FROM millrace.objects WHERE store = $1 AND bucket = $2 AND key = $3
     ) ORDER BY created_at DESC, id LIMIT $4`,
    [store, bucket, key, limit],
  );
  return rows.map(({ id, version, state, volume, tier, host, created_at, is_leased, condemned_at }) => {
    const condemnedAtMs = condemned_at?.getTime() ?? null;
    return {
      id,
      version,
      state,
      volume,
      tier,
      host,
      createdAtMs: created_at.getTime(),
      isLeased: is_leased === true,
      condemnedAtMs,
    };
  });
}
