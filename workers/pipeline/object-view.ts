// What an operator or a script is shown of one object: the store's answer and the index row put side by side. Its JSON shape is promised.
import { join } from 'node:path';
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import { type ListedObject, type ObjectVersion, sameVersion } from '../model/object-version.ts';
import { setDirectory } from '../model/rendition-set.ts';
import { AppError } from '../platform/errors.ts';
import type { Sighting } from './ports.ts';

/** pending: the row is missing or of another version · plain: there, and no image · absent: not in the store. */
export const VIEW_STATES = ['committed', 'pending', 'refused', 'absent', 'plain'] as const;
export type ViewState = (typeof VIEW_STATES)[number];

export interface RenditionView {
  readonly preset: string;
  readonly volume: string;
  /** Absolute; null where the volume is not on this host. */
  readonly path: string | null;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly format: string;
}

export interface ObjectView {
  readonly bucket: string;
  readonly key: string;
  readonly state: ViewState;
  readonly etag: string | null;
  readonly size: number | null;
  readonly contentType: string | null;
  /** Of the picture, as it is seen. */
  readonly width: number | null;
  readonly height: number | null;
  readonly damaged: boolean;
  readonly renditions: readonly RenditionView[];
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

/** Volume id → where it is mounted on this host. */
export type LocalVolumes = ReadonlyMap<string, string>;

/** Errors: NO_SUCH_BUCKET, ACCESS_DENIED where the store told nothing about the object. */
export function objectView(
  ref: ObjectRef,
  row: ObjectRow | null,
  sighting: Sighting,
  localVolumes: LocalVolumes,
): ObjectView {
  switch (sighting.kind) {
    case 'gone':
      return absent(ref);
    case 'present': {
      const { version } = sighting;
      if (row === null || row.state === 'removed' || !sameVersion(row.version, version)) return pending(ref, version);
      return known(ref, row, row.state, localVolumes);
    }
    case 'trouble':
      throw new AppError(sighting.code, `the store does not tell about ${ref.bucket}/${ref.key}`, {
        remedy:
          sighting.code === 'NO_SUCH_BUCKET'
            ? `Check the bucket's name: ${ref.bucket} does not exist.`
            : `Give the configured account access to bucket ${ref.bucket}.`,
      });
  }
}

/** The same from a listing, which has less: a change of content type or user metadata alone does not show, nor does either of a pending object. */
export function listedView(
  ref: ObjectRef,
  row: ObjectRow | null,
  listed: ListedObject | null,
  localVolumes: LocalVolumes,
): ObjectView {
  if (listed === null) return absent(ref);
  const { etag, modifiedAtS, sizeBytes } = listed;
  const current =
    row?.version.etag === etag && row.version.modifiedAtS === modifiedAtS && row.version.sizeBytes === sizeBytes;
  if (row === null || row.state === 'removed' || !current) return pending(ref, { etag, sizeBytes, contentType: null });
  return known(ref, row, row.state, localVolumes);
}

function known(
  { bucket, key }: ObjectRef,
  { version, metadata, set, damaged, refusal }: ObjectRow,
  state: ViewState,
  localVolumes: LocalVolumes,
): ObjectView {
  return {
    bucket,
    key,
    state,
    etag: version.etag,
    size: version.sizeBytes,
    contentType: version.contentType,
    width: metadata?.width ?? null,
    height: metadata?.height ?? null,
    damaged,
    renditions: (set?.renditions ?? []).map(({ preset, file, width, height, bytes, format }) => {
      const root = set === null ? undefined : localVolumes.get(set.volume);
      const path = set === null || root === undefined ? null : join(root, setDirectory(set.id), file);
      return { preset, volume: set?.volume ?? '', path, width, height, bytes, format };
    }),
    refusal: refusal === null ? null : { code: refusal.code, message: refusal.message },
  };
}

function pending(
  { bucket, key }: ObjectRef,
  { etag, sizeBytes, contentType }: Pick<ObjectVersion, 'etag' | 'sizeBytes'> & { readonly contentType: string | null },
): ObjectView {
  return { bucket, key, state: 'pending', etag, size: sizeBytes, contentType, ...NOTHING_KNOWN };
}

function absent({ bucket, key }: ObjectRef): ObjectView {
  return { bucket, key, state: 'absent', etag: null, size: null, contentType: null, ...NOTHING_KNOWN };
}

const NOTHING_KNOWN = { width: null, height: null, damaged: false, renditions: [], refusal: null } as const;
