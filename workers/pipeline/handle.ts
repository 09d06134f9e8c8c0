// Handles one message: converge, then tell; the caller acks only after this has resolved (I1).
import type { ObjectRef } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';
import { converge } from './converge.ts';
import { observe } from './observe.ts';
import { outcomeOf } from './outcome-of.ts';
import type { Context, Ports } from './ports.ts';

/**
 * Whatever ends with an ack has told first what the row says, if this handling changed the row, or if an earlier delivery of this
 * message may have changed it and died before telling (delivery count > 1), or if the row waits only for its removal to be told.
 * A message that is put back tells when it comes again. Rejects when a server is away: the message is then put back too.
 */
export async function handle(ref: ObjectRef, ports: Ports, ctx: Context, look = observe): Promise<Verdict> {
  const { verdict, row, committed } = await converge(ref, ports, ctx, look);
  if (verdict.kind === 'retry' || verdict.kind === 'dead-letter' || row === null) return verdict;
  if (!committed && ctx.deliveryCount === 1 && row.state !== 'removed') return verdict;
  await ports.outcomes.tell(outcomeOf(row));
  await ctx.reached('told');
  if (row.state === 'removed') {
    await ports.index.forgetRemoved(ref, row.revision);
    await ctx.reached('forgotten');
  }
  return verdict;
}
