// The messages we publish, versioned, with the schemas that read them back.
import { z } from 'zod';
import type { ImageMetadata } from './image-metadata.ts';
import type { ObjectRef } from './object-ref.ts';
import type { ObjectVersion } from './object-version.ts';
import type { Rendition } from './rendition-set.ts';

const refSchema = z.object({ store: z.string().min(1), bucket: z.string().min(1), key: z.string().min(1) });

/** A work item says only which object to look at, and why somebody thought so. */
export interface WorkItem {
  readonly v: 1;
  readonly ref: ObjectRef;
  /** hand-over, sweep, retry, … : for `explain`, never for a decision. */
  readonly reason: string;
  /** The one thing that no look can tell: an operator agreed that a row which no source covers any more goes (I5). */
  readonly removeUncovered?: true | undefined;
}

const workItemSchema: z.ZodType<WorkItem> = z.object({
  v: z.literal(1),
  ref: refSchema,
  reason: z.string(),
  removeUncovered: z.literal(true).optional(),
});

/** Throws a ZodError or SyntaxError; the caller maps it to a dead letter. */
export function decodeWorkItem(bytes: Uint8Array): WorkItem {
  return workItemSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
}

export type OutcomeState = 'committed' | 'plain' | 'removed' | 'refused';

/** What became of an object. Told at least once for its last revision; a subscriber keeps the highest revision per object. */
export interface Outcome {
  readonly v: 1;
  readonly ref: ObjectRef;
  readonly revision: number;
  readonly state: OutcomeState;
  readonly version: ObjectVersion;
  readonly set: { readonly id: string; readonly volume: string; readonly tier: string } | null;
  readonly renditions: readonly Rendition[];
  readonly damaged: boolean;
  readonly metadata: ImageMetadata | null;
  readonly refusal: { readonly code: string; readonly message: string } | null;
  readonly committedAtMs: number;
}
