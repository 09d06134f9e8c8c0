// The volumes that `provision` made, so that people can be told which there are; what a volume is now, its keeper says.
import type { Database } from './database.ts';

export interface RegisteredVolume {
  readonly volumeId: string;
  readonly tier: string;
  /** Where it was then. */
  readonly path: string;
  readonly host: string;
}

/** `changed`: it was new, or registered otherwise. */
export async function registerVolume(db: Database, volume: RegisteredVolume): Promise<{ readonly changed: boolean }> {
  const written = await db.query(
    `INSERT INTO millrace.volumes AS v (volume_id, tier, path, host) VALUES ($1, $2, $3, $4)
     ON CONFLICT (volume_id) DO UPDATE SET tier = excluded.tier, path = excluded.path, host = excluded.host
     WHERE (v.tier, v.path, v.host) <> (excluded.tier, excluded.path, excluded.host) RETURNING volume_id`,
    [volume.volumeId, volume.tier, volume.path, volume.host],
  );
  return { changed: written.length === 1 };
}

export async function registeredVolumes(db: Database): Promise<readonly RegisteredVolume[]> {
  return db.query<RegisteredVolume>(
    'SELECT volume_id AS "volumeId", tier, path, host FROM millrace.volumes ORDER BY volume_id',
  );
}
