// What a command may do with passes: start, list, pause, resume, cancel; and count beforehand what a backfill would do.
import { decoderVersions } from '../imaging/decoders.ts';
import type { BackfillEstimate, PassDesk, Run } from '../cli/deps.ts';
import { openIndex } from '../index/open-index.ts';
import { openPasses } from '../jobs/passes.ts';
import { type Configuration, wantedOf } from '../model/configuration.ts';
import type { BackfillRequest } from '../model/pass.ts';
import { connectNats } from '../nats/connect.ts';
import { outstandingItems, purgeItems } from '../nats/planned-items.ts';
import { openObjects } from '../objects/open-objects.ts';
import { backfill } from '../pipeline/backfill.ts';
import { databaseOptions, jobsOptions, natsOptions, storeConfig } from './connections.ts';
import { generationHash } from './generation.ts';

/** Rejects as `openPasses` of the jobs does. */
export async function openPassDesk(configuration: Configuration, { log, signal }: Run): Promise<PassDesk> {
  const passes = await openPasses(jobsOptions(configuration, 'operator'), log);
  return {
    start: (request) => passes.start(request),
    list: () => passes.list(),
    pause: (id) => passes.ask(id, 'pause'),
    resume: (id) => passes.ask(id, 'run'),
    async cancel(id) {
      await using nats = await connectNats(natsOptions(configuration, 'operator'), log, signal);
      // Counted first: the planner takes them back as well, and may be quicker. Here too, because it may not run now.
      const waiting = [...(await outstandingItems(nats, id)).values()].reduce((sum, count) => sum + count, 0);
      if (!(await passes.ask(id, 'cancel'))) return null;
      await purgeItems(nats, id);
      return waiting;
    },
    [Symbol.asyncDispose]: () => passes.close(),
  };
}

/** Also for a configuration that is not registered yet: what it would change. Publishes nothing. */
export async function estimateBackfill(
  configuration: Configuration,
  request: BackfillRequest,
  { log, signal }: Run,
): Promise<BackfillEstimate> {
  await using index = openIndex(databaseOptions(configuration, 'estimate'), log);
  await index.verifyIndex();
  using objects = openObjects(storeConfig(configuration));
  const newest = await index.currentGeneration();
  const isRegistered = newest?.contentHash === generationHash(configuration);
  const generation = (newest?.number ?? 0) + (isRegistered ? 0 : 1);
  const { rows } = await index.beginSweep();
  const counts = await backfill(
    request,
    { objects, index: { rows }, workItems: null },
    {
      wanted: wantedOf(configuration, generation),
      decoders: decoderVersions(),
      nowMs: Date.now(),
      job: 'estimate',
      signal,
    },
  );
  const rate = await index.renderRate();
  return { counts, rate, etaS: rate === null ? null : counts.published / rate.perS, isRegistered };
}
