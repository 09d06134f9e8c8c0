// A simulated keeper: collects and scrubs its volume from time to time, and is sometimes dead for long.
import { collect } from '../../../workers/pipeline/collect.ts';
import type { SetLedger } from '../../../workers/pipeline/ports.ts';
import { scrub } from '../../../workers/pipeline/scrub.ts';
import { chainOf, isAppError } from '../../../workers/platform/errors.ts';
import type { Process } from '../scheduler.ts';
import { type MemoryVolume, setDirectoriesPort } from '../twins/memory-volume.ts';
import { GRACE_MS } from '../variant.ts';
import type { World } from '../world.ts';

export interface Keeper {
  readonly process: Process;
  /** One collect and one scrub, whatever becomes of them. */
  round(): Promise<void>;
}

const COLLECT_EVERY_MS = 60_000;
const ROUNDS_PER_SCRUB = 4;

export function startKeeper(world: World, volume: MemoryVolume, name: string): Keeper {
  const { scheduler, variant } = world;
  const process = scheduler.process(name);
  const suspend = world.suspend(process);
  const directories = setDirectoriesPort(volume, suspend);
  const { signal } = new AbortController();
  const { ledger: memory } = world.index;
  const ledger: SetLedger = {
    condemned: (...args) => suspend('ledger.condemned', () => memory.condemned(...args)),
    condemnExpired: (...args) => suspend('ledger.condemnExpired', () => memory.condemnExpired(...args)),
    forget: (...args) => suspend('ledger.forget', () => memory.forget(...args)),
    stateOf: (...args) => suspend('ledger.stateOf', () => memory.stateOf(...args)),
    count: (...args) => suspend('ledger.count', () => memory.count(...args)),
  };
  const ports = { ledger, directories };

  async function round(scrubs: boolean): Promise<void> {
    try {
      await collect(volume.volumeId, ports, { graceMs: variant.graceMs, batch: 2, signal });
      if (scrubs && variant.scrubs)
        await scrub(volume.volumeId, ports, { graceMs: GRACE_MS, allowRemovals: 0, signal });
    } catch (error) {
      if (!isAppError(error)) world.violate(`keeper threw ${chainOf(error)}`);
    }
  }

  async function run(): Promise<void> {
    for (let count = 1; !world.faultsOver(); count++) {
      await scheduler.sleep(process, COLLECT_EVERY_MS);
      await round(count % ROUNDS_PER_SCRUB === 0);
    }
  }
  void run();
  return { process, round: () => round(true) };
}
