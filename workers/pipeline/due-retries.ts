// Refusals whose time has come are looked at again. The rows are the only memory of when: whatever is lost here is found again a minute later.
import { desiredOf, type Wanted } from '../model/desired.ts';
import { refHash } from '../model/object-ref.ts';
import type { Outstanding, RetryIndex, WorkItems } from './ports.ts';

const JOB = 'retry';

export interface RetryPorts {
  readonly index: RetryIndex;
  readonly workItems: WorkItems;
  readonly outstanding: Outstanding;
}

export interface RetryContext {
  readonly wanted: Wanted;
  /** Per tier and round. */
  readonly most: number;
  readonly signal: AbortSignal;
}

export interface RetryReport {
  readonly due: number;
  readonly published: number;
}

/** One round. A tier that has not worked off what an earlier round gave it is left alone: a row stays due until it was looked at. */
export async function publishDueRetries(
  { index, workItems, outstanding }: RetryPorts,
  { wanted, most, signal }: RetryContext,
): Promise<RetryReport> {
  const busy = await outstanding.byTier(JOB);
  const given = new Map<string, number>();
  let due = 0;
  let published = 0;
  for await (const { ref, revision, generation } of index.dueRetries(wanted.store)) {
    signal.throwIfAborted();
    due += 1;
    if (generation > wanted.generation) continue; // a newer configuration's (I11)
    const tier = desiredOf(ref, wanted)?.tier;
    if (tier === undefined || busy.has(tier) || (given.get(tier) ?? 0) >= most) continue;
    given.set(tier, (given.get(tier) ?? 0) + 1);
    const item = { v: 1, ref, reason: 'retry' } as const;
    await workItems.publish(tier, 'urgent', JOB, item, `retry-${refHash(ref)}-${revision}`);
    published += 1;
  }
  return { due, published };
}
