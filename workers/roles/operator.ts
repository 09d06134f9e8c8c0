// Read access to index and store for one command, and where this host has its volumes.
import type { Operator } from '../cli/deps.ts';
import { openIndex } from '../index/open-index.ts';
import type { Configuration } from '../model/configuration.ts';
import { openObjects } from '../objects/open-objects.ts';
import type { Log } from '../platform/log.ts';
import { databaseOptions, storeConfig } from './connections.ts';

export async function openOperator(configuration: Configuration, log: Log): Promise<Operator> {
  await using opened = new AsyncDisposableStack();
  const index = opened.use(openIndex(databaseOptions(configuration, 'operator'), log));
  await index.verifyIndex();
  const objects = opened.use(openObjects(storeConfig(configuration)));
  const registered = await index.registeredVolumes();
  const localVolumes = new Map(
    registered.filter(({ host }) => host === configuration.host).map(({ volumeId, path }) => [volumeId, path] as const),
  );
  const rest = opened.move();
  return {
    index: { row: index.row, rows: (store, bucket, prefix) => index.list({ store, bucket, prefix }) },
    objects,
    localVolumes,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}
