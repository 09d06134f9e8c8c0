// What `millrace provision` does to the database: schema, the index's id, ids of sources, the configuration's generation.
import { randomUUID } from 'node:crypto';
import { type DatabaseLog, type DatabaseOptions, openDatabase } from './database.ts';
import { currentGeneration, registerGeneration } from './generations.ts';
import { migrate } from './migrate.ts';
import { oweSweep, registerSource, sourceId } from './sources.ts';
import { readIndexId, verifyIndex } from './verify-index.ts';
import { registerVolume, type RegisteredVolume } from './volumes.ts';

export interface ProvisionedIndex extends AsyncDisposable {
  readonly indexId: string;
  /** What this call changed: names of migrations; whether the index was given its id. */
  readonly migrations: readonly string[];
  readonly created: boolean;
  /** The id to tag the bucket with; the same whenever it is asked. `id`: one that the bucket bears already, taken where there is none yet. */
  registerSource(
    store: string,
    bucket: string,
    id?: string,
  ): Promise<{ readonly id: string; readonly created: boolean }>;
  /** Null: never registered. */
  sourceId(store: string, bucket: string): Promise<string | null>;
  oweSweep(store: string, bucket: string, reason: string): Promise<void>;
  registerVolume(volume: RegisteredVolume): Promise<{ readonly changed: boolean }>;
  /** `content`: sources, tiers, presets and limits, as JSON. */
  registerGeneration(content: unknown): Promise<{ readonly generation: number; readonly changed: boolean }>;
  currentGeneration(): ReturnType<typeof currentGeneration>;
  close(): Promise<void>;
}

/** Idempotent, also run by several processes at once. Errors: those of `openIndex`, and `INDEX_TOO_NEW`. */
export async function provisionIndex(
  options: DatabaseOptions,
  log: DatabaseLog,
  newId: () => string = randomUUID,
): Promise<ProvisionedIndex> {
  const migrations = await migrate(options.url);
  const db = openDatabase(options, log);
  try {
    const hadId = (await readIndexId(db)) !== null;
    const created =
      !hadId &&
      (
        await db.query(
          'INSERT INTO millrace.index_identity (index_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING index_id',
          [newId()],
        )
      ).length === 1;
    const indexId = await verifyIndex(db);
    const close = () => db.close();
    return {
      indexId,
      migrations,
      created,
      registerSource: (store, bucket, id) => registerSource(db, store, bucket, id === undefined ? newId : () => id),
      sourceId: (store, bucket) => sourceId(db, store, bucket),
      oweSweep: (store, bucket, reason) => oweSweep(db, store, bucket, reason),
      registerVolume: (volume) => registerVolume(db, volume),
      registerGeneration: (content) => registerGeneration(db, content),
      currentGeneration: () => currentGeneration(db),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}
