// Compares a bucket with the index and publishes a work item for whatever differs; decides nothing by itself: every item only makes a processor look (I2, I5).
import { createHash } from 'node:crypto';
import { desiredOf, type Wanted } from '../model/desired.ts';
import { type ObjectRef, refHash } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { ListedObject } from '../model/object-version.ts';
import { AppError } from '../platform/errors.ts';
import { planFor, type Present } from './plan.ts';
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
}

export interface SweepPorts {
  readonly objects: Pick<Objects, 'list' | 'sourceTag'>;
  readonly index: Pick<SweepIndex, 'rows' | 'sourceId' | 'paySweep' | 'flagRemovals'>;
  readonly workItems: WorkItems;
}

/** missing: no row, or one that says removed · gone: no object · uncovered: an object that no source wants any more still has a row. */
export type Difference = 'missing' | 'stale' | 'gone' | 'uncovered';

export interface SweepContext extends Omit<Present, 'removeUncovered'> {
  readonly wanted: Wanted;
  readonly signal: AbortSignal;
  /** Told of each difference as it is found, before it is known whether it is published. */
  readonly found?: (difference: Difference, ref: ObjectRef) => void;
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

/** Removals wait for the end of the scan. */
interface Held {
  readonly pairs: Pair[];
  count: number;
}

/** A publish waits for the stream's disk; so many wait at once. */
const MOST_OUTSTANDING = 64;

/**
 * Rejects with `SOURCE_NOT_PROVEN` before anything is listed where the bucket does not bear the tag that the index knows, and with whatever a port
 * rejects with; a sweep that is repeated at once publishes the same message ids.
 */
export async function sweep(scope: SweepScope, ports: SweepPorts, ctx: SweepContext): Promise<SweepReport> {
  const { store, bucket, prefix, dryRun, allowRemovals } = scope;
  if (!(await sourceProven(scope, ports))) {
    throw new AppError('SOURCE_NOT_PROVEN', `bucket ${bucket} does not bear the tag that was provisioned for it`, {
      remedy:
        'Check that the store is the one meant and has its data; for a bucket made anew on purpose run provision.',
      details: { store, bucket },
    });
  }

  const counts = { listed: 0, rows: 0, missing: 0, stale: 0, gone: 0, uncovered: 0, published: 0 };
  const gone: Held = { pairs: [], count: 0 };
  const uncovered: Held = { pairs: [], count: 0 };
  let present = 0;
  const outbox = createOutbox(MOST_OUTSTANDING);

  async function publish({ key, object, row }: Pair, difference: Difference): Promise<void> {
    if (dryRun) return;
    const ref = { store, bucket, key };
    const tier = laneTier(ref, object === null || difference === 'uncovered' ? row : null, ctx.wanted);
    const messageId = `sweep-${ctx.nowMs}-${refHash(ref)}-${sightToken(object, row?.revision ?? 0, ctx)}`;
    const agreed = difference === 'uncovered' ? ({ removeUncovered: true } as const) : {};
    const item = { v: 1, ref, reason: `sweep: ${difference}`, ...agreed } as const;
    await outbox.add(() => ports.workItems.publish(tier, 'bulk', 'sweep', item, messageId));
    counts.published += 1;
  }

  /** Beyond what could ever go it is enough to know how many. */
  function hold(held: Held, pair: Pair): void {
    held.count += 1;
    if (held.pairs.length < removalBuffer(allowRemovals)) held.pairs.push(pair);
  }

  try {
    for await (const pair of mergeByKey(ports.objects.list(bucket, prefix), ports.index.rows(store, bucket, prefix))) {
      ctx.signal.throwIfAborted();
      if (pair.object !== null) counts.listed += 1;
      if (pair.row !== null) counts.rows += 1;
      if (pair.row !== null && pair.row.state !== 'removed') present += 1;
      const difference = differenceOf(pair, { store, bucket, key: pair.key }, ctx);
      if (difference === null) continue;
      counts[difference] += 1;
      ctx.found?.(difference, { store, bucket, key: pair.key });
      if (difference === 'missing' || difference === 'stale') await publish(pair, difference);
      // Removed already, only not told: nothing that a guard could still keep.
      else if (pair.row?.state === 'removed') await publish(pair, difference);
      else hold(difference === 'gone' ? gone : uncovered, pair);
    }

    // Only a listing with the tag on both its ends proves that what it lacks is gone.
    const proven = await sourceProven(scope, ports);
    const goneMayGo = proven && removalsMayGo(gone.count, present, allowRemovals);
    const uncoveredMayGo = goneMayGo && gone.count + uncovered.count <= allowRemovals;
    if (goneMayGo) for (const pair of gone.pairs) await publish(pair, 'gone');
    if (uncoveredMayGo) for (const pair of uncovered.pairs) await publish(pair, 'uncovered');
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

/** Null: nothing to do, or none of our business. */
function differenceOf({ object, row }: Pair, ref: ObjectRef, ctx: SweepContext): Difference | null {
  const { wanted } = ctx;
  if (row !== null && row.generation > wanted.generation) return null; // a newer configuration's (I11)
  if (object === null) return 'gone';
  const covered = desiredOf(ref, wanted) !== null;
  if (row === null || row.state === 'removed') return covered ? 'missing' : null;
  if (!covered) return 'uncovered';
  const { version } = row;
  if (
    object.etag !== version.etag ||
    object.modifiedAtS !== version.modifiedAtS ||
    object.sizeBytes !== version.sizeBytes
  )
    return 'stale';
  // The listing agrees with the row as far as it goes; what is wanted of that version may still have changed.
  const plan = planFor({ ref, row, sighting: { kind: 'present', version }, sourceProven: true }, wanted, {
    ...ctx,
    removeUncovered: false,
  });
  return plan.kind === 'nothing' ? null : 'stale';
}

/** `removed`: the row of what is to be removed, which goes where the row was; where that tier is none any more another will do, since a removal needs no volume. */
function laneTier(ref: ObjectRef, removed: ObjectRow | null, wanted: Wanted): string {
  if (removed !== null && wanted.sources.some(({ tier }) => tier === removed.tier)) return removed.tier;
  const tier = desiredOf(ref, wanted)?.tier ?? wanted.sources[0]?.tier ?? removed?.tier;
  if (tier === undefined)
    throw new AppError('NO_TIER', `no lane for ${ref.bucket}/${ref.key}`, { disposition: 'fatal' });
  return tier;
}

/** The same for the same sight of object, row and wishes. */
function sightToken(object: ListedObject | null, revision: number, { wanted, decoders }: SweepContext): string {
  const seen = object === null ? null : [object.etag, object.modifiedAtS, object.sizeBytes];
  return createHash('sha256')
    .update(JSON.stringify([seen, revision, wanted.generation, decoders]))
    .digest('hex')
    .slice(0, 16);
}

/** Runs at most `most` sends at once; the first that fails fails every later call. */
function createOutbox(most: number) {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];

  function throwIfFailed(): void {
    if (failures.length > 0) throw failures[0];
  }

  async function add(send: () => Promise<void>): Promise<void> {
    throwIfFailed();
    const one = send()
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= most) await Promise.race(running);
    throwIfFailed();
  }
  async function settled(): Promise<void> {
    await Promise.all(running);
  }
  async function drain(): Promise<void> {
    await settled();
    throwIfFailed();
  }
  return { add, drain, settled };
}
