// Compares a bucket with the index and publishes a work item for whatever differs; decides nothing by itself: every item only makes a processor look (I2, I5).
import { type ObjectRef, refHash } from '../model/object-ref.ts';
import { AppError } from '../platform/errors.ts';
import { type CompareContext, type Difference, differenceOf, laneTier, sightToken } from './compare.ts';
import { createOutbox } from './outbox.ts';
import type { Objects, SweepIndex, WorkItems } from './ports.ts';
import { removalBuffer, removalsMayGo } from './removal-guard.ts';
import { mergeByKey, type Pair } from './sweep-merge.ts';

export interface SweepScope {
  readonly store: string;
  readonly bucket: string;
  /** Empty: the whole bucket. */
  readonly prefix: string;
  /** Counts and compares, publishes and flags nothing. */
  readonly dryRun: boolean;
  /** Up to so many removals although the guard would withhold them; 0: nobody said so. */
  readonly allowRemovals: number;
  /** The last token of the subjects of its work items; default `sweep`. */
  readonly job?: string;
}

export interface SweepPorts {
  readonly objects: Pick<Objects, 'list' | 'sourceTag'>;
  readonly index: Pick<SweepIndex, 'rows' | 'sourceId' | 'paySweep' | 'flagRemovals'>;
  readonly workItems: WorkItems;
}

export interface SweepContext extends CompareContext {
  readonly signal: AbortSignal;
  /** Told of each difference as it is found, before it is known whether it is published. */
  readonly found?: (difference: Difference, ref: ObjectRef) => void;
  /** Where an earlier run of the same sweep was; `nowMs` and `wanted` are then those of that run. */
  readonly resume?: SweepCheckpoint | undefined;
  /** Told now and then; everything up to the checkpoint has been published. */
  readonly save?: (checkpoint: SweepCheckpoint) => Promise<void>;
}

export interface SweepReport extends Readonly<Record<Difference, number>> {
  readonly listed: number;
  readonly rows: number;
  readonly published: number;
  /** Removals not published; `reason` says why. In a dry run: those that would not be. */
  readonly withheld: number;
  /** SOURCE_NOT_PROVEN: the bucket lost its tag while it was listed · TOO_MANY: the guard of I5 · SOURCE_DROPPED: `uncovered` ones wait to be told. */
  readonly reason: 'SOURCE_NOT_PROVEN' | 'TOO_MANY' | 'SOURCE_DROPPED' | null;
}

/** A removal that waits for the end of the scan. */
interface HeldRemoval {
  readonly key: string;
  readonly tier: string;
  readonly token: string;
}

interface Held {
  readonly removals: HeldRemoval[];
  count: number;
}

type Counts = Record<Difference | 'listed' | 'rows' | 'published', number>;

/** Plain values: kept as JSON. */
export interface SweepCheckpoint {
  /** The last key that was compared. */
  readonly after: string;
  readonly counts: Readonly<Counts>;
  /** Rows that are not removed: the base of the guard. */
  readonly present: number;
  readonly gone: { readonly removals: readonly HeldRemoval[]; readonly count: number };
  readonly uncovered: { readonly removals: readonly HeldRemoval[]; readonly count: number };
}

const MOST_AT_ONCE = 64;
/** Keys between two checkpoints, and of them so many that were published. */
const SAVE_EVERY = 2_000;
const SAVE_EVERY_PUBLISHED = 200;
/** Beyond it (an operator allowed that many) checkpoints would grow too large: the sweep goes on from an earlier one. */
const MOST_SAVED = 10_000;

/**
 * Rejects with `SOURCE_NOT_PROVEN` before anything is listed where the bucket does not bear the tag that the index knows, and with whatever a port
 * rejects with; a sweep that is repeated at once publishes the same message ids.
 */
export async function sweep(scope: SweepScope, ports: SweepPorts, ctx: SweepContext): Promise<SweepReport> {
  const { store, bucket, prefix, dryRun, allowRemovals, job = 'sweep' } = scope;
  const { resume } = ctx;
  if (!(await sourceProven(scope, ports))) {
    throw new AppError('SOURCE_NOT_PROVEN', `bucket ${bucket} does not bear the tag that was provisioned for it`, {
      remedy:
        'Check that the store is the one meant and has its data; for a bucket made anew on purpose run provision.',
      details: { store, bucket },
    });
  }

  const counts: Counts = {
    listed: 0,
    rows: 0,
    missing: 0,
    stale: 0,
    gone: 0,
    uncovered: 0,
    published: 0,
    ...resume?.counts,
  };
  const gone: Held = { removals: [...(resume?.gone.removals ?? [])], count: resume?.gone.count ?? 0 };
  const uncovered: Held = { removals: [...(resume?.uncovered.removals ?? [])], count: resume?.uncovered.count ?? 0 };
  let present = resume?.present ?? 0;
  let last: string | null = null;
  const outbox = createOutbox(MOST_AT_ONCE);

  async function publish({ key, tier, token }: HeldRemoval, difference: Difference): Promise<void> {
    if (dryRun) return;
    const ref = { store, bucket, key };
    const messageId = `sweep-${ctx.nowMs}-${refHash(ref)}-${token}`;
    const agreed = difference === 'uncovered' ? ({ removeUncovered: true } as const) : {};
    const item = { v: 1, ref, reason: `sweep: ${difference}`, ...agreed } as const;
    await outbox.add(() => ports.workItems.publish(tier, 'bulk', job, item, messageId));
    counts.published += 1;
  }

  function toSend({ key, object, row }: Pair, difference: Difference): HeldRemoval {
    const ref = { store, bucket, key };
    const tier = laneTier(ref, object === null || difference === 'uncovered' ? row : null, ctx.wanted);
    return { key, tier, token: sightToken(object, row?.revision ?? 0, ctx) };
  }

  /** Beyond what could ever go it is enough to know how many. */
  function hold(held: Held, removal: HeldRemoval): void {
    held.count += 1;
    if (held.removals.length < removalBuffer(allowRemovals)) held.removals.push(removal);
  }

  async function save(after: string): Promise<void> {
    if (ctx.save === undefined || gone.removals.length + uncovered.removals.length > MOST_SAVED) return;
    await outbox.drain();
    await ctx.save({ after, counts, present, gone, uncovered });
  }

  try {
    const listing = ports.objects.list(bucket, prefix, resume?.after);
    let sinceSave = 0;
    let publishedThen = counts.published;
    for await (const pair of mergeByKey(listing, ports.index.rows(store, bucket, prefix, resume?.after))) {
      ctx.signal.throwIfAborted();
      // Before the pair is counted: what is saved is whole up to the key before it.
      sinceSave += 1;
      if (last !== null && (sinceSave > SAVE_EVERY || counts.published - publishedThen >= SAVE_EVERY_PUBLISHED)) {
        await save(last);
        sinceSave = 1;
        publishedThen = counts.published;
      }
      last = pair.key;
      if (pair.object !== null) counts.listed += 1;
      if (pair.row !== null) counts.rows += 1;
      if (pair.row !== null && pair.row.state !== 'removed') present += 1;
      const difference = differenceOf(pair, { store, bucket, key: pair.key }, ctx);
      if (difference === null) continue;
      counts[difference] += 1;
      ctx.found?.(difference, { store, bucket, key: pair.key });
      const send = toSend(pair, difference);
      if (difference === 'missing' || difference === 'stale') await publish(send, difference);
      // Removed already, only not told: nothing that a guard could still keep.
      else if (pair.row?.state === 'removed') await publish(send, difference);
      else hold(difference === 'gone' ? gone : uncovered, send);
    }

    // Only a listing with the tag on both its ends proves that what it lacks is gone.
    const proven = await sourceProven(scope, ports);
    const goneMayGo = proven && removalsMayGo(gone.count, present, allowRemovals);
    const uncoveredMayGo = goneMayGo && gone.count + uncovered.count <= allowRemovals;
    if (goneMayGo) for (const removal of gone.removals) await publish(removal, 'gone');
    if (uncoveredMayGo) for (const removal of uncovered.removals) await publish(removal, 'uncovered');
    await outbox.drain();

    const withheld = (goneMayGo ? 0 : gone.count) + (uncoveredMayGo ? 0 : uncovered.count);
    const cause = proven ? (goneMayGo ? 'SOURCE_DROPPED' : 'TOO_MANY') : 'SOURCE_NOT_PROVEN';
    const whole = prefix === '';
    if (!dryRun && (withheld > 0 || (whole && proven))) await ports.index.flagRemovals(store, bucket, withheld);
    if (!dryRun && whole && proven) await ports.index.paySweep(store, bucket);
    return { ...counts, withheld, reason: withheld > 0 ? cause : null };
  } finally {
    await outbox.settled();
  }
}

async function sourceProven({ store, bucket }: SweepScope, { index, objects }: SweepPorts): Promise<boolean> {
  const sourceId = await index.sourceId(store, bucket);
  return sourceId !== null && sourceId === (await objects.sourceTag(bucket));
}
