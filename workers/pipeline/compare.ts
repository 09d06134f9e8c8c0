// What a listing and the index's rows, put side by side, say is to be looked at. Pure; a sweep and a backfill answer alike.
import { createHash } from 'node:crypto';
import { desiredOf, type Wanted } from '../model/desired.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { ListedObject } from '../model/object-version.ts';
import { AppError } from '../platform/errors.ts';
import { planFor, type Present } from './plan.ts';
import type { Pair } from './sweep-merge.ts';

/** missing: no row, or one that says removed · gone: no object · uncovered: an object that no source wants any more still has a row. */
export type Difference = 'missing' | 'stale' | 'gone' | 'uncovered';

export interface CompareContext extends Omit<Present, 'removeUncovered'> {
  readonly wanted: Wanted;
}

/** Null: nothing to do, or none of our business. */
export function differenceOf({ object, row }: Pair, ref: ObjectRef, ctx: CompareContext): Difference | null {
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
export function laneTier(ref: ObjectRef, removed: ObjectRow | null, wanted: Wanted): string {
  if (removed !== null && wanted.sources.some(({ tier }) => tier === removed.tier)) return removed.tier;
  const tier = desiredOf(ref, wanted)?.tier ?? wanted.sources[0]?.tier ?? removed?.tier;
  if (tier === undefined)
    throw new AppError('NO_TIER', `no lane for ${ref.bucket}/${ref.key}`, { disposition: 'fatal' });
  return tier;
}

/** The same for the same sight of object, row and wishes. */
export function sightToken(
  object: ListedObject | null,
  revision: number,
  { wanted, decoders }: CompareContext,
): string {
  const seen = object === null ? null : [object.etag, object.modifiedAtS, object.sizeBytes];
  return createHash('sha256')
    .update(JSON.stringify([seen, revision, wanted.generation, decoders]))
    .digest('hex')
    .slice(0, 16);
}
