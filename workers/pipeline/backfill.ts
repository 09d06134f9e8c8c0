// A pass that somebody asked for, over a part of what a bucket holds: whatever of it is not as desired is looked at. It removes nothing.
import { desiredOf } from '../model/desired.ts';
import { type ObjectRef, refHash } from '../model/object-ref.ts';
import type { BackfillRequest } from '../model/pass.ts';
import { type CompareContext, differenceOf, laneTier, sightToken } from './compare.ts';
import { createOutbox } from './outbox.ts';
import type { Objects, SweepIndex, WorkItems } from './ports.ts';
import { mergeByKey, type Pair } from './sweep-merge.ts';

export interface BackfillPorts {
  readonly objects: Pick<Objects, 'list'>;
  readonly index: Pick<SweepIndex, 'rows'>;
  /** Null: only counts. */
  readonly workItems: WorkItems | null;
}

/** Why an object is to be looked at. presets: same bytes, other recipes. */
export type Cause = 'new' | 'changed' | 'presets' | 'tier' | 'retry';

type Counts = Record<'listed' | 'matched' | 'published' | Cause, number>;

/** Plain values: kept as JSON. */
export interface BackfillCheckpoint {
  readonly after: string;
  readonly counts: BackfillReport;
}

export interface BackfillReport extends Readonly<Counts> {
  /** Objects below the prefix. */
  readonly listed: number;
  /** Those that the request is about. */
  readonly matched: number;
  /** Those of them that are not as desired; in a dry run those that would be published. */
  readonly published: number;
}

export interface BackfillContext extends CompareContext {
  /** The last token of the subjects of its work items. */
  readonly job: string;
  readonly signal: AbortSignal;
  readonly resume?: BackfillCheckpoint | undefined;
  readonly save?: (checkpoint: BackfillCheckpoint) => Promise<void>;
}

const MOST_AT_ONCE = 64;
/** Keys between two checkpoints, and of them so many that were published. */
const SAVE_EVERY = 2_000;
const SAVE_EVERY_PUBLISHED = 200;

/** Rejects with whatever a port rejects with. */
export async function backfill(
  request: BackfillRequest,
  { objects, index, workItems }: BackfillPorts,
  ctx: BackfillContext,
): Promise<BackfillReport> {
  const { store, bucket, prefix } = request;
  const { job, resume, wanted } = ctx;
  const counts: Counts = {
    listed: 0,
    matched: 0,
    published: 0,
    new: 0,
    changed: 0,
    presets: 0,
    tier: 0,
    retry: 0,
    ...resume?.counts,
  };
  const outbox = createOutbox(MOST_AT_ONCE);
  let last: string | null = null;
  let sinceSave = 0;
  let publishedThen = counts.published;
  try {
    const rows = index.rows(store, bucket, prefix, resume?.after);
    for await (const pair of mergeByKey(objects.list(bucket, prefix, resume?.after), rows)) {
      ctx.signal.throwIfAborted();
      sinceSave += 1;
      const isTime = sinceSave > SAVE_EVERY || counts.published - publishedThen >= SAVE_EVERY_PUBLISHED;
      if (ctx.save !== undefined && last !== null && isTime) {
        await outbox.drain();
        await ctx.save({ after: last, counts });
        sinceSave = 1;
        publishedThen = counts.published;
      }
      last = pair.key;
      if (pair.object === null) continue;
      counts.listed += 1;
      const ref = { store, bucket, key: pair.key };
      if (!isAbout(request, pair, ref, ctx)) continue;
      counts.matched += 1;
      const difference = differenceOf(pair, ref, ctx);
      if (difference !== 'missing' && difference !== 'stale') continue;
      const cause = causeOf(pair, ref, ctx);
      counts[cause] += 1;
      counts.published += 1;
      if (workItems === null) continue;
      const item = { v: 1, ref, reason: `backfill: ${cause}` } as const;
      const messageId = `${job}-${ctx.nowMs}-${refHash(ref)}-${sightToken(pair.object, pair.row?.revision ?? 0, ctx)}`;
      await outbox.add(() => workItems.publish(laneTier(ref, null, wanted), 'bulk', job, item, messageId));
    }
    await outbox.drain();
    return counts;
  } finally {
    await outbox.settled();
  }
}

function isAbout(
  { sinceS, preset, state }: BackfillRequest,
  { object, row }: Pair,
  ref: ObjectRef,
  { wanted }: CompareContext,
): boolean {
  const desired = desiredOf(ref, wanted);
  if (desired === null || object === null) return false;
  if (sinceS !== null && object.modifiedAtS < sinceS) return false;
  if (preset !== null && !desired.presets.some(({ name }) => name === preset)) return false;
  const known = row === null || row.state === 'removed' ? 'missing' : row.state;
  return state === null || state === known;
}

/** Of a pair that is missing or stale. */
function causeOf({ object, row }: Pair, ref: ObjectRef, { wanted }: CompareContext): Cause {
  if (row === null || row.state === 'removed') return 'new';
  if (object?.etag !== row.version.etag || object.modifiedAtS !== row.version.modifiedAtS) return 'changed';
  if (row.state === 'refused') return 'retry';
  const desired = desiredOf(ref, wanted);
  if (row.set !== null && row.set.fingerprint !== desired?.fingerprint) return 'presets';
  return row.set !== null && row.set.tier !== desired?.tier ? 'tier' : 'changed';
}
