// What the configuration wants of an object: pure, so that processor, sweep and simulation answer alike.
import { createHash } from 'node:crypto';
import type { ObjectRef } from './object-ref.ts';
import { fingerprintOf, type Preset } from './preset.ts';

/** One rule: objects of `bucket` whose key starts with `prefix`. The longest prefix wins. */
export interface Source {
  readonly bucket: string;
  readonly prefix: string;
  /** Names of presets. */
  readonly presets: readonly string[];
  readonly tier: string;
}

export interface Limits {
  readonly sourceMaxBytes: number;
  readonly maxMegapixels: number;
  readonly maxFrames: number;
  /** Wall time of one render from the first byte, waiting for the large-picture permit not counted. */
  readonly renderTimeoutS: number;
  /** Resident memory of a renderer while it renders. */
  readonly renderMaxMemoryMb: number;
  /** Pictures above this many megapixels pass a semaphore of one per host. */
  readonly largePictureMegapixels: number;
}

/** The part of the configuration that decides what an object becomes; it carries the generation (I11). */
export interface Wanted {
  readonly generation: number;
  readonly store: string;
  readonly sources: readonly Source[];
  readonly presets: Readonly<Record<string, Preset>>;
  readonly limits: Limits;
  /** A picture of which a browser would still show most is rendered and marked, or refused `DAMAGED`. */
  readonly damaged: 'render' | 'refuse';
  /** Whether EXIF positions go into metadata and facts. */
  readonly gps: boolean;
}

export interface Desired {
  readonly presets: readonly Preset[];
  readonly tier: string;
  readonly fingerprint: string;
  readonly gps: boolean;
}

/** Null: no source covers the object, so nothing is wanted of it. */
export function desiredOf(ref: ObjectRef, wanted: Wanted): Desired | null {
  if (ref.store !== wanted.store) return null;
  let best: Source | undefined;
  for (const source of wanted.sources) {
    if (source.bucket !== ref.bucket || !ref.key.startsWith(source.prefix)) continue;
    if (best === undefined || source.prefix.length > best.prefix.length) best = source;
  }
  if (best === undefined) return null;
  const presets = best.presets.flatMap((name) => wanted.presets[name] ?? []);
  return { presets, tier: best.tier, fingerprint: fingerprintOf(presets, wanted.gps), gps: wanted.gps };
}

/** What a refusal depended on besides the object: when it changes, what was refused is tried again (I6). 16 hex digits. */
export function refusalBasis(wanted: Wanted, decoders: string): string {
  return createHash('sha256')
    .update(JSON.stringify([wanted.limits, wanted.damaged, decoders]))
    .digest('hex')
    .slice(0, 16);
}
