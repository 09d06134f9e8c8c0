// `millrace provision`: makes everything that the roles only verify. Idempotent; says what it changed.
import { hostname } from 'node:os';
import { provisionIndex } from '../index/provision-index.ts';
import { provisionJobs } from '../jobs/provision-jobs.ts';
import { type Configuration, generationContent } from '../model/configuration.ts';
import { connectNats } from '../nats/connect.ts';
import { provisionJetStream } from '../nats/provision.ts';
import type { Provisioned, ProvisionRequest } from '../cli/deps.ts';
import { provisionStore, type SourceFinding } from '../objects/provision-store.ts';
import { openStore } from '../objects/signed-request.ts';
import type { Log } from '../platform/log.ts';
import { uuidV7 } from '../platform/uuid-v7.ts';
import { waitFor } from '../platform/wait-for.ts';
import { provisionVolume } from '../volumes/provision.ts';
import { databaseOptions, jetStreamOptions, jobsOptions, natsOptions, storeConfig } from './connections.ts';

export interface ProvisionRun {
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Everything, in the one order in which nothing is lost: the streams stand before the store is told to publish to them. */
export async function provision(
  configuration: Configuration,
  { acceptSources }: ProvisionRequest,
  run: ProvisionRun,
): Promise<Provisioned> {
  const before = await provisionIndexAndStreams(configuration, run);
  const { changes, withheld } = await provisionBuckets(configuration, run, acceptSources);
  return { changes: [...before.changes, ...changes], withheld };
}

export interface VolumesMade {
  readonly changes: readonly string[];
  readonly volumes: readonly { readonly id: string; readonly tier: string; readonly path: string }[];
}

/** What needs no object store: database, generation, this host's volumes, streams and consumers. */
export async function provisionIndexAndStreams(
  configuration: Configuration,
  { log, signal }: ProvisionRun,
): Promise<VolumesMade> {
  const changes: string[] = [];
  await using index = await waitFor(
    'index',
    () => provisionIndex(databaseOptions(configuration, `provision ${hostname()}`), log),
    log,
    signal,
  );
  for (const name of index.migrations) changes.push(`database: migration ${name}`);
  if (index.created) changes.push(`index ${index.indexId}: created`);
  await provisionJobs(jobsOptions(configuration, 'provision'));

  const volumes: { id: string; tier: string; path: string }[] = [];
  for (const { path, tier } of configuration.volumes) {
    const made = await provisionVolume({ path, tier }, index.indexId);
    changes.push(...made.changes.map((change) => `volume: ${change}`));
    await index.registerVolume({ volumeId: made.volumeId, tier, path, host: configuration.host });
    volumes.push({ id: made.volumeId, tier, path });
  }

  await using nats = await connectNats(natsOptions(configuration, 'provision'), log, signal);
  changes.push(...(await provisionJetStream(nats, jetStreamOptions(configuration))));

  // Last: from here on processors with an older configuration stop fetching.
  const content: unknown = JSON.parse(generationContent(configuration));
  const { generation, changed } = await index.registerGeneration(content);
  if (changed) changes.push(`configuration: generation ${generation}`);
  return { changes, volumes };
}

/** Buckets, their notification rules and tags. */
export async function provisionBuckets(
  configuration: Configuration,
  { log, signal }: ProvisionRun,
  acceptSources: readonly string[] = [],
): Promise<Provisioned> {
  await using index = await provisionIndex(databaseOptions(configuration, `provision ${hostname()}`), log);
  using store = openStore(storeConfig(configuration));
  const { name } = configuration.store;
  const buckets = [...new Set(configuration.sources.map(({ bucket }) => bucket))];
  const sources = await Promise.all(
    buckets.map(async (bucket) => ({ bucket, sourceId: await index.sourceId(name, bucket) })),
  );
  const deps = {
    newSourceId: () => uuidV7(),
    async accept({ kind, bucket, sourceId }: SourceFinding) {
      // A store on an empty disk, or another one: with our id on its bucket, every event replayed would find its object gone and take
      // its renditions with it, one proven look at a time and past the guard of I5. Only a person can tell that this is meant.
      const isMeant = kind === 'new' || kind === 'adopted' || acceptSources.includes(bucket);
      if (!isMeant) return null;
      const { id } = await index.registerSource(name, bucket, sourceId);
      // Whatever was put before the rules stood told nobody.
      await index.oweSweep(name, bucket, `SOURCE_${kind.toUpperCase()}`);
      return id;
    },
  };
  return await waitFor('store', () => provisionStore(store, sources, deps), log, signal);
}
