// What the index remembers of one object.
import type { ImageMetadata } from './image-metadata.ts';
import type { ObjectRef } from './object-ref.ts';
import type { ObjectVersion } from './object-version.ts';
import type { Rendition } from './rendition-set.ts';

/** removed: readers see absent; the row goes once its removal was told. */
export type RowState = 'committed' | 'plain' | 'refused' | 'removed';

export interface LiveSet {
  readonly id: string;
  readonly volume: string;
  readonly tier: string;
  readonly fingerprint: string;
  readonly renditions: readonly Rendition[];
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** See `refusalBasis`. */
  readonly basis: string;
  /** Milliseconds since the epoch; null: only a change of version or basis brings another try. */
  readonly retryAtMs: number | null;
}

export interface ObjectRow {
  readonly ref: ObjectRef;
  /** From one sequence of the whole index, so that it grows through removal and return of an object. Never 0. */
  readonly revision: number;
  readonly state: RowState;
  /** Of a `removed` row: the last version it had. */
  readonly version: ObjectVersion;
  /** A refused row keeps the set of the same version, if it had one. */
  readonly set: LiveSet | null;
  readonly tier: string;
  readonly generation: number;
  readonly damaged: boolean;
  readonly metadata: ImageMetadata | null;
  readonly refusal: Refusal | null;
  readonly committedAtMs: number;
}
