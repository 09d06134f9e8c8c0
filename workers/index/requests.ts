// What the index is asked and answers. The port `Index` of the pipeline has the same shapes, and says what they mean; a test lets the
// compiler compare the two.
import type { ImageMetadata } from '../model/image-metadata.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow, Refusal } from '../model/object-row.ts';
import type { ObjectVersion } from '../model/object-version.ts';
import type { Rendition } from '../model/rendition-set.ts';

export interface ClaimRequest {
  readonly ref: ObjectRef;
  readonly version: ObjectVersion;
  readonly setId: string;
  readonly fingerprint: string;
  readonly volume: string;
  readonly tier: string;
  readonly host: string;
  readonly leaseMs: number;
}

export type ClaimAnswer =
  | { readonly kind: 'claimed'; readonly history: { readonly deaths: number; readonly unfinished: number } }
  | { readonly kind: 'elsewhere' };

export interface AttemptEnding {
  readonly outcome: 'rendered' | 'plain' | 'refused' | 'died' | 'timed-out' | 'abandoned';
  readonly code: string | null;
  readonly message: string | null;
  readonly phasesMs: Readonly<Record<string, number>>;
}

export type Change =
  | {
      readonly kind: 'rendered';
      readonly version: ObjectVersion;
      readonly renditions: readonly Rendition[];
      readonly metadata: ImageMetadata;
      readonly damaged: boolean;
    }
  | { readonly kind: 'plain'; readonly version: ObjectVersion }
  | { readonly kind: 'refused'; readonly version: ObjectVersion; readonly refusal: Refusal }
  | { readonly kind: 'touched'; readonly version: ObjectVersion }
  | { readonly kind: 'removed' };

export interface CommitRequest {
  readonly ref: ObjectRef;
  readonly observedRevision: number;
  readonly tier: string;
  readonly generation: number;
  readonly change: Change;
  readonly claim: { readonly setId: string; readonly ending: AttemptEnding } | null;
  readonly keepSet: boolean;
}

export type CommitAnswer =
  | { readonly kind: 'committed'; readonly row: ObjectRow }
  | { readonly kind: 'fenced'; readonly by: 'row' | 'set' };
