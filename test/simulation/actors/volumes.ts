// What a processor knows of its host's volumes: open, unless a render failed there and the keeper has not announced it anew.
import type { OpenVolume, Volumes } from '../../../workers/pipeline/ports.ts';
import type { Process } from '../scheduler.ts';
import type { Host, World } from '../world.ts';

const ANNOUNCED_EVERY_MS = 10_000;

export function createVolumes({ scheduler }: World, process: Process, host: Host): Volumes {
  const doubted = new Set<string>();
  const open = (): OpenVolume[] =>
    host.volumes
      .filter(({ volumeId }) => !doubted.has(volumeId))
      .map(({ volumeId, tier }) => ({ volumeId, tier, path: `/${volumeId}` }));
  return {
    openFor: (tier) => open().find((volume) => volume.tier === tier) ?? null,
    openTiers: () => [...new Set(open().map(({ tier }) => tier))],
    doubt(volumeId) {
      doubted.add(volumeId);
      void scheduler.sleep(process, ANNOUNCED_EVERY_MS).then(() => doubted.delete(volumeId));
    },
  };
}
