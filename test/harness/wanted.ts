// Values of the model for tests: complete, plain, and overridable.
import type { Wanted } from '../../workers/model/desired.ts';
import type { ImageMetadata } from '../../workers/model/image-metadata.ts';
import type { ObjectRef } from '../../workers/model/object-ref.ts';
import type { ObjectVersion } from '../../workers/model/object-version.ts';
import type { Preset } from '../../workers/model/preset.ts';

export const thumb: Preset = { name: 'thumb', longSidePx: 160, fit: 'inside', format: 'webp', quality: 80, effort: 2 };

export function wanted(over: Partial<Wanted> = {}): Wanted {
  return {
    generation: 1,
    store: 'main',
    sources: [{ bucket: 'photos', prefix: '', presets: ['large', 'medium', 'thumb'], tier: 'default' }],
    presets: {
      large: { ...thumb, name: 'large', longSidePx: 1600 },
      medium: { ...thumb, name: 'medium', longSidePx: 640 },
      thumb,
    },
    limits: {
      sourceMaxBytes: 256 * 2 ** 20,
      maxMegapixels: 100,
      maxFrames: 10_000,
      renderTimeoutS: 60,
      renderMaxMemoryMb: 1_500,
      largePictureMegapixels: 50,
    },
    damaged: 'render',
    gps: false,
    ...over,
  };
}

export function refOf(key: string, bucket = 'photos'): ObjectRef {
  return { store: 'main', bucket, key };
}

export function versionOf(over: Partial<ObjectVersion> = {}): ObjectVersion {
  return {
    etag: 'e1',
    versionId: null,
    modifiedAtS: 1_700_000_000,
    contentType: 'image/jpeg',
    userMetadataHash: '0'.repeat(32),
    sizeBytes: 1_000,
    ...over,
  };
}

export const somePicture: ImageMetadata = {
  width: 4000,
  height: 3000,
  format: 'jpeg',
  orientation: 1,
  colourSpace: 'srgb',
  hasAlpha: false,
  frames: 1,
  dominantColour: '#808080',
  thumbhash: 'AAAA',
  exif: {},
};
