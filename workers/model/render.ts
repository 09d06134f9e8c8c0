// One render as it is asked for and as it ends: what processor and renderer child say to each other.
import type { Desired, Limits, Wanted } from './desired.ts';
import type { ImageMetadata } from './image-metadata.ts';
import type { ObjectRef } from './object-ref.ts';
import type { ObjectVersion } from './object-version.ts';
import type { Rendition } from './rendition-set.ts';

/** How exactly one version is downloaded; `url` carries its own authorisation and must not be logged. */
export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface OpenVolume {
  readonly volumeId: string;
  readonly tier: string;
  /** Absolute, on this host. */
  readonly path: string;
}

export interface RenderJob {
  readonly ref: ObjectRef;
  readonly version: ObjectVersion;
  readonly setId: string;
  readonly indexId: string;
  readonly volume: OpenVolume;
  readonly desired: Desired;
  readonly limits: Limits;
  readonly damaged: Wanted['damaged'];
  /** Alone: no other render runs in that child, and the child is not used again. */
  readonly quarantined: boolean;
  readonly download: Download;
}

export type RenderResult =
  /** Every file, their directory and every parent made are on disk. */
  | {
      readonly kind: 'rendered';
      readonly renditions: readonly Rendition[];
      readonly metadata: ImageMetadata;
      readonly damaged: boolean;
      readonly phasesMs: Readonly<Record<string, number>>;
    }
  /** The first bytes are of no image we know. */
  | { readonly kind: 'not-image' }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** 412 or 404: the object is not the version seen any more. */
  | { readonly kind: 'changed' }
  /** The child died or was killed for its memory, after it had begun to decode. */
  | { readonly kind: 'died'; readonly code: string; readonly message: string }
  | { readonly kind: 'timed-out'; readonly message: string }
  /** The volume would not take it: ENOSPC, EROFS, EIO, WRONG_VOLUME… */
  | { readonly kind: 'storage-failed'; readonly code: string; readonly message: string }
  /** The store would not give it, or the child died before it had begun to decode: nobody's fault that is known. */
  | { readonly kind: 'source-failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'cancelled' };
