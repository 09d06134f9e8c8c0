// What is asked of the index when an object's row is to change, and what it answers: the claim, the change, and their fences.
import type { ImageMetadata } from './image-metadata.ts';
import type { ObjectRef } from './object-ref.ts';
import type { ObjectRow, Refusal } from './object-row.ts';
import type { ObjectVersion } from './object-version.ts';
import type { Rendition } from './rendition-set.ts';

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
  | { readonly kind: 'claimed'; readonly history: AttemptHistory }
  /** Another unexpired claim of the same version stands. */
  | { readonly kind: 'elsewhere' };

/** Of earlier attempts at the same object version; this one not counted. */
export interface AttemptHistory {
  /** Deaths and timeouts of a renderer that its living processor saw. */
  readonly deaths: number;
  /** Begun and never ended: their processor died, or was stopped past its lease. Only a reason for quarantine. */
  readonly unfinished: number;
}

export interface AttemptEnding {
  readonly outcome: 'rendered' | 'plain' | 'refused' | 'died' | 'timed-out' | 'abandoned';
  readonly code: string | null;
  readonly message: string | null;
  /** Milliseconds from the start of the handling to each step. */
  readonly phasesMs: Readonly<Record<string, number>>;
}

export interface CommitRequest {
  readonly ref: ObjectRef;
  /** The row fence: the revision that was observed, 0 where there was no row. */
  readonly observedRevision: number;
  readonly tier: string;
  readonly generation: number;
  readonly change: Change;
  /** The set fence: our claim, which must still be `writing`. `rendered` makes it live, everything else condemns it. */
  readonly claim: { readonly setId: string; readonly ending: AttemptEnding } | null;
  /** Whether the row goes on naming the set it had. Otherwise that set is condemned here. */
  readonly keepSet: boolean;
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
  /** Same bytes under another version: only the row's version, generation and tier change; state, set, metadata and refusal stay. */
  | { readonly kind: 'touched'; readonly version: ObjectVersion }
  /** The row stays, as `removed`, with the version it had. */
  | { readonly kind: 'removed' };

export type CommitAnswer =
  | { readonly kind: 'committed'; readonly row: ObjectRow }
  /** Nothing was changed: the row's revision was not the observed one, or the claim was not `writing` any more. */
  | { readonly kind: 'fenced'; readonly by: 'row' | 'set' };
