// A preset is a named recipe for one rendition; its fingerprint tells whether a rendition on a volume is still what is wanted.
import { createHash } from 'node:crypto';

export type RenditionFormat = 'webp' | 'avif' | 'jpeg' | 'png';

export interface Preset {
  readonly name: string;
  /** Of the long side for `inside`; of both sides of the square for `cover`. Never enlarged. */
  readonly longSidePx: number;
  readonly fit: 'inside' | 'cover';
  readonly format: RenditionFormat;
  /** 1–100. */
  readonly quality: number;
  /** Encoder effort: webp 0–6, avif 0–9; others ignore it. */
  readonly effort: number;
}

/** Raised when a change of our own code makes other pixels of the same preset: everything is then stale. A new sharp alone is no reason. */
const RECIPE_VERSION = 1;

/** Of the presets of one object, in any order, and of what else goes into its set (`withGps`). 16 hex digits. */
export function fingerprintOf(presets: readonly Preset[], withGps: boolean): string {
  const recipes = presets
    .map((p) => [p.name, p.longSidePx, p.fit, p.format, p.quality, p.effort] as const)
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return createHash('sha256')
    .update(JSON.stringify([RECIPE_VERSION, withGps, recipes]))
    .digest('hex')
    .slice(0, 16);
}

export function renditionFile(preset: Pick<Preset, 'name' | 'format'>): string {
  return `${preset.name}.${preset.format === 'jpeg' ? 'jpg' : preset.format}`;
}
