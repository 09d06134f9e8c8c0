// What is still known of how an object came to be as it is.
import type { AttemptEnding } from './commit.ts';
import type { SetState } from './rendition-set.ts';

export interface Attempt {
  readonly setId: string;
  /** The token of the object version. */
  readonly version: string;
  readonly host: string;
  readonly startedAtMs: number;
  /** Null: it never ended, or has not yet. */
  readonly ending: (AttemptEnding & { readonly endedAtMs: number }) | null;
}

export interface KnownSet {
  readonly id: string;
  readonly version: string;
  readonly state: SetState;
  readonly volume: string;
  readonly tier: string;
  readonly host: string;
  readonly createdAtMs: number;
  /** While writing: whether its claim still holds, by the index's clock. */
  readonly isLeased: boolean;
  readonly condemnedAtMs: number | null;
}

/** An event as it lies in its stream. */
export interface SeenEvent {
  readonly streamSeq: number;
  /** When the stream took it. */
  readonly atMs: number;
  /** live: from MinIO's memory · journal: from its queue on disk, the copy that survives an outage. */
  readonly path: 'live' | 'journal';
  /** `s3:ObjectCreated:Put`, … */
  readonly name: string;
  readonly sequencer: string | null;
}

/** One shared durable consumer, as its server tells of it. */
export interface LaneLoad {
  /** Its consumer. */
  readonly name: string;
  readonly lane: 'live' | 'removals' | 'urgent' | 'bulk';
  /** Of a planned lane. */
  readonly tier: string | null;
  /** Not delivered to anybody yet. */
  readonly pending: number;
  /** With a processor, or put back for a while. */
  readonly underWay: number;
  /** Processors that wait for more. */
  readonly pulls: number;
}
