// The configuration of the simulated pool: two contents of it, so that it can change in mid-run.
import type { Wanted } from '../../workers/model/desired.ts';
import type { Preset } from '../../workers/model/preset.ts';

export interface Configuration {
  /** What a processor that starts now is given. */
  current(): Wanted;
  /** The next generation: one more preset, and all objects in the last tier. */
  change(): void;
}

const thumb: Preset = { name: 'thumb', longSidePx: 160, fit: 'inside', format: 'webp', quality: 80, effort: 2 };
const large: Preset = { ...thumb, name: 'large', longSidePx: 1600 };

export function configuration(bucket: string, store: string, tiers: readonly string[]): Configuration {
  const first: Wanted = {
    generation: 1,
    store,
    sources: [{ bucket, prefix: '', presets: ['thumb'], tier: tiers[0] ?? 'hot' }],
    presets: { thumb, large },
    limits: {
      sourceMaxBytes: 1_000,
      maxMegapixels: 100,
      maxFrames: 1,
      renderTimeoutS: 60,
      renderMaxMemoryMb: 1_000,
      largePictureMegapixels: 50,
    },
    damaged: 'render',
    gps: false,
  };
  const second: Wanted = {
    ...first,
    generation: 2,
    sources: [{ bucket, prefix: '', presets: ['thumb', 'large'], tier: tiers.at(-1) ?? 'hot' }],
  };
  let current = first;
  return {
    current: () => current,
    change() {
      current = second;
    },
  };
}
