// A simulated reader: takes a row, then the files of its set, slowly at times. On a miss it reads the row once more (I4).
import type { ObjectRef } from '../../../workers/model/object-ref.ts';
import type { ObjectRow } from '../../../workers/model/object-row.ts';
import type { Process } from '../scheduler.ts';
import { GRACE_MS } from '../variant.ts';
import type { World } from '../world.ts';

/** A row held longer than this may be about to go; what a reader makes of it is no promise of ours. */
const TRUSTED_MS = GRACE_MS - 1_000;

export function startReader(world: World, name: string): Process {
  const { scheduler } = world;
  const { random } = scheduler;
  const process = scheduler.process(name);
  let readAtMs = 0;
  function row(ref: ObjectRef): Promise<ObjectRow | null> {
    return scheduler.call(process, 'reads row', () => {
      readAtMs = scheduler.now();
      return world.index.index.row(ref);
    });
  }

  async function run(): Promise<void> {
    while (!world.faultsOver()) {
      await scheduler.sleep(process, random.pick([50, 2_000, 30_000]));
      const ref = random.pick(world.refs);
      const first = await row(ref);
      if (random.chance(0.3)) await scheduler.sleep(process, random.below(2 * GRACE_MS));
      if ((await picture(first)) === 'missing') await picture(await row(ref));
    }
  }

  async function picture(row: ObjectRow | null): Promise<'whole' | 'missing'> {
    if (row?.set == null || row.state === 'removed') return 'whole';
    const { id, volume, renditions } = row.set;
    for (const { file } of renditions) {
      const content = await scheduler.call(process, 'reads file', () => world.volume(volume).read(id, file));
      if (content === null) {
        if (scheduler.now() - readAtMs < TRUSTED_MS) world.violate('I4: a reader met a missing set');
        return 'missing';
      }
      world.history.reads++;
      if (content !== row.version.etag) world.violate('a reader got the bytes of another version');
    }
    return 'whole';
  }
  void run();
  return process;
}
