// `millrace object ls`: bucket listing and index side by side, streamed, in constant memory.
import { desiredOf } from '../model/desired.ts';
import { wantedOf } from '../model/configuration.ts';
import { listedView, type ViewState } from '../pipeline/object-view.ts';
import { mergeByKey } from '../pipeline/sweep-merge.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { humanLine } from './object-text.ts';
import { commandLog, withOperator } from './operator.ts';
import type { Session } from './session.ts';

export interface ListOptions {
  readonly bucket?: string;
  readonly prefix?: string;
  readonly state?: ViewState;
  readonly json: boolean;
}

/** Objects that no source covers and the index does not know are passed over, and so are rows of told removals. */
export async function listObjects(
  { bucket: only, prefix = '', state, json }: ListOptions,
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  const loaded = await loadConfiguration(options, io);
  const wanted = wantedOf(loaded.configuration, 0);
  const { store } = wanted;
  const buckets = only === undefined ? [...new Set(wanted.sources.map(({ bucket }) => bucket))].sort() : [only];
  return withOperator(deps, loaded, commandLog(loaded.configuration), async ({ index, objects, localVolumes }) => {
    for (const bucket of buckets) {
      for await (const { key, object, row } of mergeByKey(
        objects.list(bucket, prefix),
        index.rows(store, bucket, prefix),
      )) {
        const ref = { store, bucket, key };
        if (object === null && row?.state === 'removed') continue;
        if (row === null && desiredOf(ref, wanted) === null) continue;
        const view = listedView(ref, row, object, localVolumes);
        if (state !== undefined && view.state !== state) continue;
        if (!(await output.line(json ? JSON.stringify(view) : humanLine(view)))) return 0;
      }
    }
    return 0;
  });
}
