// A simulated sweep: the real one, on the twins.
import { isAppError, chainOf } from '../../../workers/platform/errors.ts';
import { sweep } from '../../../workers/pipeline/sweep.ts';
import { objectsPort } from '../twins/memory-objects.ts';
import { BUCKET, STORE, type World } from '../world.ts';

/** Resolves false when it could not be finished: a server was away, or the source is not proven. */
export async function runSweep(world: World): Promise<boolean> {
  const { scheduler } = world;
  const process = scheduler.process('sweep');
  const suspend = world.suspend(process);
  const memory = world.index.sweepFromNow();
  const index = {
    async *rows(...where: Parameters<typeof memory.rows>) {
      yield* await suspend('sweep.rows', () => memory.rows(...where));
    },
    sourceId: (...args: Parameters<typeof memory.sourceId>) =>
      suspend('sweep.sourceId', () => memory.sourceId(...args)),
    paySweep: (...args: Parameters<typeof memory.paySweep>) =>
      suspend('sweep.paySweep', () => memory.paySweep(...args)),
    flagRemovals: (...args: Parameters<typeof memory.flagRemovals>) =>
      suspend('sweep.flagRemovals', () => memory.flagRemovals(...args)),
  };
  const workItems = {
    publish: (...[tier, lane, job, item, messageId]: Parameters<typeof world.workItems.publish>) =>
      suspend('sweep publishes', () =>
        world.workItems.publish(tier, lane, job, item, world.variant.sweepsAnew ? messageId : `again-${item.ref.key}`),
      ),
  };
  try {
    const { reason } = await sweep(
      { store: STORE, bucket: BUCKET, prefix: '', dryRun: false, allowRemovals: 0 },
      { objects: objectsPort(world.objects, suspend), index, workItems },
      {
        wanted: world.configuration.current(),
        decoders: 'memory 1',
        nowMs: scheduler.now(),
        signal: new AbortController().signal,
      },
    );
    return reason === null;
  } catch (error) {
    if (!isAppError(error)) world.violate(`sweep threw ${chainOf(error)}`);
    return false;
  }
}
