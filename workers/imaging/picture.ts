// The words the steps hand on to each other.
import type { Metadata } from 'sharp';
import type { Limits, Wanted } from '../model/desired.ts';
import type { ImageMetadata } from '../model/image-metadata.ts';
import type { Preset, RenditionFormat } from '../model/preset.ts';

/** What is wanted of one picture. */
export interface Wish {
  readonly presets: readonly Preset[];
  readonly limits: Limits;
  readonly damaged: Wanted['damaged'];
  readonly gps: boolean;
}

/** Known from its header, not decoded yet. */
export interface Picture {
  readonly bytes: Buffer;
  readonly format: 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'svg' | 'avif' | 'heic';
  /** As it is seen: after orientation. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly header: Metadata;
}

/** 8 bits a channel, sRGB (or grey, for 1 and 2 channels), upright, rows without gaps. */
export interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface EncodedFile extends Size {
  readonly preset: string;
  readonly file: string;
  readonly format: RenditionFormat;
  readonly data: Buffer;
}

export interface RenderedPicture {
  readonly files: readonly EncodedFile[];
  readonly metadata: ImageMetadata;
  readonly damaged: boolean;
  /** How often the source was decoded in full: 1 for every undamaged picture. */
  readonly decodes: number;
  readonly phasesMs: Readonly<Record<'probe' | 'decode' | 'encode', number>>;
}
