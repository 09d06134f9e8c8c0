// Rows, objects and an operator over plain arrays, for the commands that only read.
import type { Operator } from '../../../workers/cli/deps.ts';
import { compareKeys } from '../../../workers/model/object-ref.ts';
import type { ObjectRow } from '../../../workers/model/object-row.ts';
import type { ObjectVersion } from '../../../workers/model/object-version.ts';
import type { Sighting } from '../../../workers/pipeline/ports.ts';

export const SET_ID = '01890000-0000-7000-8000-00000000abcd';

export function version(changes: Partial<ObjectVersion> = {}): ObjectVersion {
  return {
    etag: 'e1',
    versionId: null,
    modifiedAtS: 1000,
    contentType: 'image/jpeg',
    userMetadataHash: 'h',
    sizeBytes: 12_345,
    ...changes,
  };
}

export function row(key: string, changes: Partial<ObjectRow> = {}): ObjectRow {
  return {
    ref: { store: 'main', bucket: 'images', key },
    revision: 1,
    state: 'committed',
    version: version(),
    set: {
      id: SET_ID,
      volume: 'v1',
      tier: 'standard',
      fingerprint: 'f',
      renditions: [
        { preset: 'thumb', file: 'thumb.webp', format: 'webp', width: 160, height: 120, bytes: 4321, sha256: 'aa' },
      ],
    },
    tier: 'standard',
    generation: 1,
    damaged: false,
    metadata: {
      width: 4000,
      height: 3000,
      format: 'jpeg',
      orientation: 6,
      colourSpace: 'srgb',
      hasAlpha: false,
      frames: 1,
      dominantColour: '#102030',
      thumbhash: 'x',
      exif: {},
    },
    refusal: null,
    committedAtMs: 1,
    ...changes,
  };
}

export interface World {
  readonly rows?: readonly ObjectRow[];
  /** Keys of bucket images. */
  readonly objects?: Readonly<Record<string, ObjectVersion>>;
  readonly looks?: (key: string) => Sighting;
  readonly localVolumes?: Readonly<Record<string, string>>;
  readonly closed?: () => void;
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

export function operator({ rows = [], objects = {}, looks, localVolumes = {}, closed }: World): Operator {
  const below = (bucket: string, prefix: string, own: string, key: string) => own === bucket && key.startsWith(prefix);
  return {
    index: {
      row: async ({ key }) => rows.find(({ ref }) => ref.key === key) ?? null,
      rows: (_store, bucket, prefix) =>
        stream(
          rows
            .filter(({ ref }) => below(bucket, prefix, ref.bucket, ref.key))
            .sort((a, b) => compareKeys(a.ref.key, b.ref.key)),
        ),
    },
    objects: {
      look: async ({ key }) => {
        if (looks !== undefined) return looks(key);
        const found = objects[key];
        return found === undefined ? { kind: 'gone', sourceTag: 'tag' } : { kind: 'present', version: found };
      },
      list: (bucket, prefix) =>
        stream(
          Object.entries(objects)
            .filter(([key]) => below(bucket, prefix, 'images', key))
            .sort(([a], [b]) => compareKeys(a, b))
            .map(([key, { etag, modifiedAtS, sizeBytes }]) => ({ key, etag, modifiedAtS, sizeBytes })),
        ),
    },
    localVolumes: new Map(Object.entries(localVolumes)),
    [Symbol.asyncDispose]: async () => closed?.(),
  };
}
