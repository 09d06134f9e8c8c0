// What the pipeline needs of the outside, as it needs it. Each port has one contract suite (test/contract) that its real adapter and
// its in-memory twin both pass. Every method may reject with an AppError of disposition `retry` when its server is away: nothing has
// then been decided, and the message is handed back.
import type {
  AttemptEnding,
  AttemptHistory,
  Change,
  ClaimAnswer,
  ClaimRequest,
  CommitAnswer,
  CommitRequest,
} from '../model/commit.ts';
import type { Wanted } from '../model/desired.ts';
import type { Outcome, WorkItem } from '../model/messages.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { ListedObject, ObjectVersion } from '../model/object-version.ts';
import type { Download, OpenVolume, RenderJob, RenderResult } from '../model/render.ts';
import type { SetState } from '../model/rendition-set.ts';
import type { Sighting } from '../model/sighting.ts';
import type { Lane, PlannedLane } from '../model/subjects.ts';

export type {
  AttemptEnding,
  AttemptHistory,
  Change,
  ClaimAnswer,
  ClaimRequest,
  CommitAnswer,
  CommitRequest,
  Download,
  OpenVolume,
  RenderJob,
  RenderResult,
  Sighting,
};

// ── index ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The rows, the claims and the one transaction that changes a row. Its clock, PostgreSQL's, decides every lease. */
export interface Index {
  row(ref: ObjectRef): Promise<ObjectRow | null>;
  /** The random id `provision` gave this bucket; null where it was never provisioned. */
  sourceId(store: string, bucket: string): Promise<string | null>;
  /** Records that a sweep of the bucket is owed, once per reason; repeated calls change nothing. */
  oweSweep(store: string, bucket: string, reason: string): Promise<void>;
  /** One transaction: an expired `writing` set of this object version (whoever's, on whatever volume) is condemned, ours is inserted,
   *  its attempt begun. At most one unexpired claim per object version exists at any time (I3). */
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Prolongs the lease. False: the set is not `writing` any more; whoever holds it must stop. */
  renew(setId: string, leaseMs: number): Promise<boolean>;
  /** Ends a claim that came to nothing: condemned if still `writing` (else left as it is), its attempt ended. */
  abandon(setId: string, ending: AttemptEnding): Promise<void>;
  /** The only way a row changes. All or nothing; see `CommitRequest`. */
  commit(request: CommitRequest): Promise<CommitAnswer>;
  /** Deletes a `removed` row of exactly this revision, once it has been told. */
  forgetRemoved(ref: ObjectRef, revision: number): Promise<void>;
}

// ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Objects {
  look(ref: ObjectRef): Promise<Sighting>;
  /** How a renderer downloads exactly this version: a presigned GET with `If-Match` (and versionId). Expires after `expiresS`. */
  download(ref: ObjectRef, version: ObjectVersion, expiresS: number): Promise<Download>;
  /** In key order by UTF-8 bytes, from the first key after `after`; rejects when the store's order is another. */
  list(bucket: string, prefix: string, after?: string): AsyncIterable<ListedObject>;
  /** The bucket's `millrace-source` tag; null: no such bucket, or no such tag. */
  sourceTag(bucket: string): Promise<string | null>;
}

// ── renderers and volumes ────────────────────────────────────────────────────────────────────────────────────────────

export interface Renderers {
  /** Names and versions of everything that decodes; goes into `refusalBasis`. */
  readonly decoders: string;
  /** A slot, or null when none came free within `waitMs` or the signal fired. `bulk` leaves the last slot to the others while they have work. */
  takeSlot(lane: Lane, waitMs: number, signal: AbortSignal): Promise<RenderSlot | null>;
}

/** Room for one render; given back by `release`, which may be called twice. */
export interface RenderSlot {
  /** Never rejects for anything that the picture or the volume did. Aborting the signal kills the render: `cancelled`. */
  render(job: RenderJob, signal: AbortSignal): Promise<RenderResult>;
  release(): void;
}

/** The volumes of this host whose keepers say that their gate is open. */
export interface Volumes {
  openFor(tier: string): OpenVolume | null;
  openTiers(): readonly string[];
  /** A render failed on it: not open again before its keeper has announced it anew. */
  doubt(volumeId: string, code: string): void;
}

// ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Outcomes {
  /** Resolves when the stream has it. The same revision told twice is one message. */
  tell(outcome: Outcome): Promise<void>;
}

export interface WorkItems {
  /** Resolves when the stream has it. `messageId` makes a repeated publish of the same item one message. */
  publish(tier: string, lane: PlannedLane, job: string, item: WorkItem, messageId: string): Promise<void>;
}

export interface Ports {
  readonly index: Index;
  readonly objects: Objects;
  readonly renderers: Renderers;
  readonly volumes: Volumes;
  readonly outcomes: Outcomes;
  readonly workItems: WorkItems;
}

// ── the context of one message ───────────────────────────────────────────────────────────────────────────────────────

export type Step = 'looked' | 'slot' | 'claimed' | 'rendered' | 'committed' | 'handed-over' | 'told' | 'forgotten';

export interface Log {
  debug(keys: object, message: string): void;
  info(keys: object, message: string): void;
  warn(keys: object, message: string): void;
  error(keys: object, message: string): void;
}

export interface Context {
  /** The configuration in force when the message was taken. */
  readonly wanted: Wanted;
  readonly indexId: string;
  readonly host: string;
  readonly lane: Lane | 'removals';
  /** Of a work item: see there. */
  readonly removeUncovered: boolean;
  /** Of a planned lane: the tier it serves. */
  readonly laneTier: string | null;
  /** `<stream>:<sequence>` of the message in hand. */
  readonly messageId: string;
  /** 1 = first. */
  readonly deliveryCount: number;
  readonly leaseMs: number;
  readonly slotWaitMs: number;
  /** Fires when what runs must be given up and handed back. */
  readonly signal: AbortSignal;
  readonly log: Log;
  now(): number;
  random(): number;
  newSetId(): string;
  /** Calls back every `ms` until disposed. A rejection of the callback is the callback's to handle. */
  every(ms: number, callback: () => Promise<void>): Disposable;
  /** Awaited after each step: measures phases; fault tests stop the process here. */
  reached(step: Step): Promise<void> | void;
}

// ── keeper ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What collect and scrub ask of the index about one volume. */
export interface SetLedger {
  /** Sets condemned at least `graceMs` ago, oldest first. */
  condemned(volume: string, graceMs: number, limit: number): Promise<readonly string[]>;
  /** `writing` sets whose lease ran out are condemned; how many. */
  condemnExpired(volume: string): Promise<number>;
  /** Deletes the row of a condemned set, after its directory is gone. */
  forget(setId: string): Promise<void>;
  /** Null: the index knows no such set. */
  stateOf(setId: string): Promise<SetState | null>;
  /** How many sets the index has on this volume: the base of the removal guard (I5). */
  count(volume: string): Promise<number>;
}

export interface FoundSet {
  readonly setId: string;
  /** Since the newest change inside the directory. */
  readonly ageMs: number;
  /** It has its facts.json. */
  readonly complete: boolean;
}

/** The directories of one volume; every method first proves the volume and rejects with `WRONG_VOLUME` or `WRONG_INDEX` otherwise (I7). */
export interface SetDirectories {
  list(): AsyncIterable<FoundSet>;
  /** Gone when it resolves, also if it was gone before. */
  remove(setId: string): Promise<void>;
}

// ── sweep ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface SweepIndex {
  /** Rows of the bucket below the prefix in key order by UTF-8 bytes, from the first key after `after`, streamed. */
  rows(store: string, bucket: string, prefix: string, after?: string): AsyncIterable<ObjectRow>;
  count(store: string, bucket: string, prefix: string): Promise<number>;
  sourceId(store: string, bucket: string): Promise<string | null>;
  /** A sweep of the whole bucket ended: what was owed for it before the sweep began is paid. */
  paySweep(store: string, bucket: string): Promise<void>;
  /** Removals withheld by the guard of I5: shown, and waited upon. */
  flagRemovals(store: string, bucket: string, count: number): Promise<void>;
}

// ── planned work ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** A refused row whose time to be tried again has come (I6). */
export interface DueRetry {
  readonly ref: ObjectRef;
  readonly revision: number;
  readonly generation: number;
}

export interface RetryIndex {
  /** Longest due first, by the index's clock, streamed. */
  dueRetries(store: string): AsyncIterable<DueRetry>;
}

/** What of planned work is still in the stream, under way or not. */
export interface Outstanding {
  /** Of one job, by tier; a tier with none is absent. */
  byTier(job: string): Promise<ReadonlyMap<string, number>>;
}
