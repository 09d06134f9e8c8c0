// Handles one message: converge, then tell; the caller acks only after this has resolved (I1).
import type { ObjectRef } from '../model/object-ref.ts';
import type { Verdict } from '../model/verdict.ts';
import { converge } from './converge.ts';
import { observe } from './observe.ts';
import { outcomeOf } from './outcome-of.ts';
import type { Context, Ports } from './ports.ts';

/**
 * Whatever ends with an ack has told first what the row says, whoever committed it: that handler may have died before telling, and its
 * message need not come again (a late ack of an earlier delivery counts, a consumer made anew forgets delivery counts). The stream
 * merges what is told twice within its duplicate window. A message that is put back tells when it comes again. Rejects when a server is
 * away: the message is then put back too.
 */
export async function handle(ref: ObjectRef, ports: Ports, ctx: Context, look = observe): Promise<Verdict> {
  const { verdict, row } = await converge(ref, ports, ctx, look);
  if (verdict.kind === 'retry' || verdict.kind === 'dead-letter' || row === null) return verdict;
  await ports.outcomes.tell(outcomeOf(row));
  await ctx.reached('told');
  if (row.state === 'removed') {
    await ports.index.forgetRemoved(ref, row.revision);
    await ctx.reached('forgotten');
  }
  return verdict;
}
