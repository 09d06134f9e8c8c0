// `millrace sweep`: one pass over buckets and index. Wiring, nothing else.
import { decoderVersions } from '../imaging/decoders.ts';
import { openIndex } from '../index/open-index.ts';
import type { SweepRequest, SweptBucket } from '../cli/deps.ts';
import { type Configuration, wantedOf } from '../model/configuration.ts';
import { connectNats } from '../nats/connect.ts';
import { createWorkItems } from '../nats/work-items.ts';
import { openObjects } from '../objects/open-objects.ts';
import { sweep as sweepBucket } from '../pipeline/sweep.ts';
import { AppError } from '../platform/errors.ts';
import type { ProvisionRun } from './provision.ts';
import { databaseOptions, natsOptions, storeConfig } from './connections.ts';
import { generationHash } from './generation.ts';

/** Rejects with `CONFIG_OUTDATED` where the configuration is not the registered one, else as `sweep` of the pipeline does. */
export async function sweep(
  configuration: Configuration,
  { bucket, prefix, dryRun, allowRemovals }: SweepRequest,
  { log, signal }: ProvisionRun,
): Promise<readonly SweptBucket[]> {
  await using index = openIndex(databaseOptions(configuration, 'sweep'), log);
  await index.verifyIndex();
  await using nats = await connectNats(natsOptions(configuration, 'sweep'), log, signal);
  using objects = openObjects(storeConfig(configuration));
  const newest = await index.currentGeneration();
  if (newest?.contentHash !== generationHash(configuration)) {
    throw new AppError('CONFIG_OUTDATED', 'this configuration is not the registered one', {
      remedy: 'Run millrace provision with it, or use the file that is in force.',
    });
  }
  const store = configuration.store.name;
  // Also the buckets of sources that were taken out of the configuration: what they left in the index is flagged until told (I5).
  const known = await index.knownBuckets(store);
  const buckets = [...new Set([...configuration.sources.map((source) => source.bucket), ...known])];
  if (bucket !== undefined && !buckets.includes(bucket)) {
    throw new AppError('NO_SOURCE', `no source names bucket ${bucket}`, {
      remedy: `Choose one of: ${buckets.join(', ')}.`,
    });
  }
  const workItems = createWorkItems(nats);
  const ctx = {
    wanted: wantedOf(configuration, newest.number),
    decoders: decoderVersions(),
    nowMs: Date.now(),
    signal,
  };
  const swept: SweptBucket[] = [];
  for (const name of bucket === undefined ? buckets : [bucket]) {
    const scope = { store, bucket: name, prefix, dryRun, allowRemovals };
    const report = await sweepBucket(scope, { objects, index: await index.beginSweep(), workItems }, ctx);
    swept.push({ bucket: name, prefix, ...report });
  }
  return swept;
}
