// Compares the directories of one volume with the index: ends expired claims, removes what no row knows, counts what is missing (I5, I7).
import { isAppError } from '../platform/errors.ts';
import type { SetDirectories, SetLedger } from './ports.ts';
import { removalBuffer, removalLimit, removalsMayGo } from './removal-guard.ts';

export interface ScrubOptions {
  /** An unknown directory younger than this is left: nothing that is under way is so old. */
  readonly graceMs: number;
  /** Up to so many removals although the guard would withhold them; 0: nobody said so. */
  readonly allowRemovals: number;
  readonly signal: AbortSignal;
}

export interface ScrubReport {
  /** `writing` sets condemned because their lease ran out. */
  readonly expired: number;
  readonly directories: number;
  /** Directories without a row, complete or not, of any age. */
  readonly unknown: number;
  /** Of these, past the grace and with their facts.json. */
  readonly unknownComplete: number;
  readonly removed: number;
  readonly failed: readonly string[];
  /** The guard of I5 held: nothing was removed, this waits for `allowRemovals`. */
  readonly withheld: { readonly count: number; readonly limit: number } | null;
  /** Rows beyond the directories found. A claim that has not made its directory yet counts too, so a few are nothing. */
  readonly missing: number;
  /** False: the signal ended it before the listing did; nothing was removed. */
  readonly finished: boolean;
}

/** Rejects when the volume is not proven or the index is away: nothing is removed then, or no more. */
export async function scrub(
  volume: string,
  { ledger, directories }: { readonly ledger: SetLedger; readonly directories: SetDirectories },
  { graceMs, allowRemovals, signal }: ScrubOptions,
): Promise<ScrubReport> {
  const expired = await ledger.condemnExpired(volume);
  const orphans: string[] = [];
  const bound = removalBuffer(allowRemovals);
  let [found, known, overdue, unknownComplete] = [0, 0, 0, 0];
  let finished = true;

  for await (const { setId, ageMs, complete } of directories.list()) {
    if (signal.aborted) {
      finished = false;
      break;
    }
    found += 1;
    // The row after the directory: a claim stands in the index before its directory is made, so who is not there now was not there then.
    if ((await ledger.stateOf(setId)) !== null) known += 1;
    else if (ageMs >= graceMs) {
      overdue += 1;
      if (complete) unknownComplete += 1;
      if (orphans.length < bound) orphans.push(setId);
    }
  }

  const base = await ledger.count(volume);
  const mayGo = finished && removalsMayGo(overdue, base, allowRemovals);
  const outcome = mayGo ? await removeOrphans(orphans, ledger, directories, signal) : { removed: 0, failed: [] };
  return {
    expired,
    directories: found,
    unknown: found - known,
    unknownComplete,
    ...outcome,
    withheld: finished && !mayGo ? { count: overdue, limit: removalLimit(base) } : null,
    missing: finished ? Math.max(0, base - known) : 0,
    finished,
  };
}

async function removeOrphans(
  orphans: readonly string[],
  ledger: SetLedger,
  directories: SetDirectories,
  signal: AbortSignal,
): Promise<{ removed: number; failed: string[] }> {
  const failed: string[] = [];
  let removed = 0;
  for (const setId of orphans) {
    if (signal.aborted) break;
    // Asked once more: on a large volume the listing may have met it an hour ago, and an adoption gives an old directory a row.
    if ((await ledger.stateOf(setId)) !== null) continue;
    try {
      await directories.remove(setId);
      removed += 1;
    } catch (error) {
      if (!isAppError(error, 'SET_NOT_REMOVED')) throw error;
      failed.push(setId);
    }
  }
  return { removed, failed };
}
