// desired − observed, as a value. Pure: the same sight always gives the same plan, in processor, sweep and simulation.
import { saysNoImage } from '../model/claims.ts';
import { type Desired, desiredOf, refusalBasis, type Wanted } from '../model/desired.ts';
import type { ObjectRow } from '../model/object-row.ts';
import { type ObjectVersion, sameVersion } from '../model/object-version.ts';
import type { Observed } from './observe.ts';

export type Plan =
  | { readonly kind: 'nothing' }
  /** No source covers it. What a dropped source left behind is the sweep's, under its guard (I5). */
  | { readonly kind: 'skip'; readonly code: 'NO_SOURCE' }
  /** The row was written by a newer configuration than ours: hands off (I11). */
  | { readonly kind: 'outdated' }
  /** Nothing can be known about this object now; a sweep of its source is owed. */
  | { readonly kind: 'trouble'; readonly code: string }
  | { readonly kind: 'remove' }
  | { readonly kind: 'plain'; readonly version: ObjectVersion; readonly tier: string }
  /** Same bytes, same wishes, another version: only the row moves. */
  | { readonly kind: 'touch'; readonly version: ObjectVersion; readonly tier: string }
  | { readonly kind: 'render'; readonly version: ObjectVersion; readonly desired: Desired };

export interface Present {
  /** Names and versions of what decodes (I6). */
  readonly decoders: string;
  readonly nowMs: number;
  /** An operator agreed that rows which no source covers any more go. */
  readonly removeUncovered: boolean;
}

export function planFor({ ref, row, sighting, sourceProven }: Observed, wanted: Wanted, present: Present): Plan {
  if (row !== null && row.generation > wanted.generation) return { kind: 'outdated' };
  if (sighting.kind === 'trouble') return { kind: 'trouble', code: sighting.code };
  if (sighting.kind === 'gone') {
    if (!sourceProven) return { kind: 'trouble', code: 'SOURCE_NOT_PROVEN' };
    return row === null || row.state === 'removed' ? { kind: 'nothing' } : { kind: 'remove' };
  }

  const desired = desiredOf(ref, wanted);
  if (desired === null) {
    const remove = present.removeUncovered && row !== null && row.state !== 'removed';
    return remove ? { kind: 'remove' } : { kind: 'skip', code: 'NO_SOURCE' };
  }
  const { version } = sighting;
  const { tier } = desired;
  const sameBytes = row !== null && row.state !== 'removed' && row.version.etag === version.etag;

  if (saysNoImage(ref.key, version.contentType)) {
    if (!sameBytes || row.state !== 'plain') return { kind: 'plain', version, tier };
  } else if (!sameBytes || !stands(row, version, desired, wanted, present)) {
    return { kind: 'render', version, desired };
  }
  return sameVersion(row.version, version) ? { kind: 'nothing' } : { kind: 'touch', version, tier };
}

/** Whether what the row says of these bytes is still what would come out of looking at them again. */
function stands(row: ObjectRow, version: ObjectVersion, desired: Desired, wanted: Wanted, present: Present): boolean {
  switch (row.state) {
    case 'committed':
      return setStands(row, desired);
    case 'plain':
      // The first bytes decided, together with what the object claimed to be: the same claims, the same answer.
      return row.version.contentType === version.contentType;
    case 'refused':
      return row.version.contentType === version.contentType && refusalStands(row, wanted, present);
    case 'removed':
      return false;
  }
}

/** Whether the row's set is the one wanted: same recipes, same tier. */
function setStands(row: ObjectRow, desired: Desired): boolean {
  return row.set !== null && row.set.fingerprint === desired.fingerprint && row.set.tier === desired.tier;
}

/** Whether a refused row is to be left alone: same decoders, same limits, and no retry is due (I6). */
function refusalStands(row: ObjectRow, wanted: Wanted, { decoders, nowMs }: Present): boolean {
  const { refusal } = row;
  if (refusal === null || refusal.basis !== refusalBasis(wanted, decoders)) return false;
  return refusal.retryAtMs === null || refusal.retryAtMs > nowMs;
}
