// Removes what is condemned and past its grace from one volume: the directory first, then the row, so that a crash between leaves a row to start from (I4).
import { isAppError } from '../platform/errors.ts';
import type { SetDirectories, SetLedger } from './ports.ts';

export interface CollectOptions {
  /** How long readers may still use a condemned set; counted by the index's clock. */
  readonly graceMs: number;
  /** Sets asked for at once. */
  readonly batch: number;
  readonly signal: AbortSignal;
}

export interface CollectReport {
  readonly removed: number;
  /** Directories that the file system would not let go (`SET_NOT_REMOVED`); their rows stay, a later run tries again. */
  readonly failed: readonly string[];
}

/** After so many refusals of one run it is the volume that is at fault, not a directory. */
const MOST_FAILURES = 20;

/** Rejects when the volume is not proven or the index is away; what was removed until then is removed. An aborted signal ends it early, in peace. */
export async function collect(
  volume: string,
  { ledger, directories }: { readonly ledger: SetLedger; readonly directories: SetDirectories },
  { graceMs, batch, signal }: CollectOptions,
): Promise<CollectReport> {
  const failed = new Set<string>();
  let removed = 0;
  while (!signal.aborted && failed.size < MOST_FAILURES) {
    // Oldest first: the ones that failed come again at the head, so as many more are asked for.
    const condemned = await ledger.condemned(volume, graceMs, batch + failed.size);
    const fresh = condemned.filter((setId) => !failed.has(setId));
    for (const setId of fresh) {
      if (signal.aborted) break;
      try {
        await directories.remove(setId);
      } catch (error) {
        if (!isAppError(error, 'SET_NOT_REMOVED')) throw error;
        failed.add(setId);
        continue;
      }
      await ledger.forget(setId);
      removed += 1;
    }
    if (fresh.length < batch) break;
  }
  return { removed, failed: [...failed] };
}
