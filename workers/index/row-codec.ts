// Between the columns of `objects` (with its set) and an ObjectRow.
import { TypeOverrides, types } from 'pg';
import type { ImageMetadata } from '../model/image-metadata.ts';
import type { ObjectRow, RowState } from '../model/object-row.ts';
import type { Rendition } from '../model/rendition-set.ts';

/** Select list for a row `o` of objects left joined to its set `s`. Columns are named, never `*`: a migration may add some under us. */
export const ROW_COLUMNS = `o.store, o.bucket, o.key, o.revision, o.state, o.etag, o.version_id, o.modified_at_s, o.content_type,
  o.user_metadata_hash, o.size_bytes, o.set_id, o.tier, o.generation, o.damaged, o.metadata, o.refusal_code, o.refusal_message,
  o.refusal_basis, o.refusal_retry_at, o.committed_at, s.volume, s.tier AS set_tier, s.fingerprint, s.renditions`;

export interface RowColumns {
  store: string;
  bucket: string;
  key: string;
  revision: number;
  state: RowState;
  etag: string;
  version_id: string | null;
  modified_at_s: number;
  content_type: string;
  user_metadata_hash: string;
  size_bytes: number;
  set_id: string | null;
  tier: string;
  generation: number;
  damaged: boolean;
  metadata: ImageMetadata | null;
  refusal_code: string | null;
  refusal_message: string | null;
  refusal_basis: string | null;
  refusal_retry_at: Date | null;
  committed_at: Date;
  volume: string | null;
  set_tier: string | null;
  fingerprint: string | null;
  renditions: readonly Rendition[] | null;
}

export function decodeRow(c: RowColumns): ObjectRow {
  const { store, bucket, key } = c;
  return {
    ref: { store, bucket, key },
    revision: c.revision,
    state: c.state,
    version: {
      etag: c.etag,
      versionId: c.version_id,
      modifiedAtS: c.modified_at_s,
      contentType: c.content_type,
      userMetadataHash: c.user_metadata_hash,
      sizeBytes: c.size_bytes,
    },
    set: decodeSet(c),
    tier: c.tier,
    generation: c.generation,
    damaged: c.damaged,
    metadata: c.metadata,
    refusal:
      c.refusal_code === null
        ? null
        : {
            code: c.refusal_code,
            message: c.refusal_message ?? '',
            basis: c.refusal_basis ?? '',
            retryAtMs: c.refusal_retry_at?.getTime() ?? null,
          },
    committedAtMs: c.committed_at.getTime(),
  };
}

function decodeSet({ set_id, volume, set_tier, fingerprint, renditions }: RowColumns): ObjectRow['set'] {
  // The foreign key and the checks of `sets` leave no other reason than "no set" for a null among these.
  if (set_id === null || volume === null || set_tier === null || fingerprint === null || renditions === null)
    return null;
  return { id: set_id, volume, tier: set_tier, fingerprint, renditions };
}

/** Given to our own connections only: `pg.types.setTypeParser` would change BullMQ's as well. */
export const columnTypes = new TypeOverrides();
columnTypes.setTypeParser(types.builtins.INT8, parseSafeInteger);

function parseSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is no integer that a number holds exactly`);
  return value;
}
