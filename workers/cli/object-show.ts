// `millrace object show`: one object, as the store and the index have it now.
import { parseRef } from '../model/object-ref.ts';
import { objectView } from '../pipeline/object-view.ts';
import { AppError } from '../platform/errors.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { humanView } from './object-text.ts';
import { commandLog, withOperator } from './operator.ts';
import type { Session } from './session.ts';

export async function showObject(
  path: string,
  { json }: { readonly json: boolean },
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  const loaded = await loadConfiguration(options, io);
  const ref = parseRef(loaded.configuration.store.name, path);
  if (ref === null) {
    throw new AppError('USAGE', `${JSON.stringify(path)} is not <bucket>/<key>`, {
      remedy: 'Write it like images/cats/1.jpg.',
    });
  }
  return withOperator(deps, loaded, commandLog(loaded.configuration), async ({ index, objects, localVolumes }) => {
    // The row first, as a processor does: in the other order an overwrite in between would show as committed.
    const row = await index.row(ref);
    const view = objectView(ref, row, await objects.look(ref), localVolumes);
    await output.line(json ? JSON.stringify(view) : humanView(view));
    return 0;
  });
}
