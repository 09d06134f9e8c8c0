// What of one job's work items is still in the stream PLANNED, and taking it back.
import { plannedJobFilter, STREAMS, tierOfPlanned } from '../model/subjects.ts';
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';

/** By tier, waiting and under way. A work queue deletes what is acked: what is in the stream is outstanding. About a millisecond. */
export async function outstandingItems(nats: Nats, job: string): Promise<ReadonlyMap<string, number>> {
  try {
    const { state } = await nats.manager.streams.info(STREAMS.planned, { subjects_filter: plannedJobFilter(job) });
    const byTier = new Map<string, number>();
    for (const [subject, count] of Object.entries(state.subjects ?? {})) {
      const tier = tierOfPlanned(subject);
      byTier.set(tier, (byTier.get(tier) ?? 0) + count);
    }
    return byTier;
  } catch (error) {
    throw natsError(error, `counting the work items of ${job}`);
  }
}

/** How many went. What a processor has in hand goes on: a look decides, and does no harm. */
export async function purgeItems(nats: Nats, job: string): Promise<number> {
  try {
    const { purged } = await nats.manager.streams.purge(STREAMS.planned, { filter: plannedJobFilter(job) });
    return purged;
  } catch (error) {
    throw natsError(error, `taking back the work items of ${job}`);
  }
}
