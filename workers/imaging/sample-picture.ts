// Makes one picture file as a camera, a phone or a tool would have written it.
import type { Sharp } from 'sharp';
import { createRandom, paintPhoto } from './paint.ts';
import { fromPixels } from './pixels.ts';

export interface SampleSpec {
  readonly megapixels: number;
  readonly kind: 'jpeg' | 'progressive-jpeg' | 'png-alpha' | 'webp';
  readonly profile: 'srgb' | 'p3';
  /** EXIF orientation 1–8. */
  readonly orientation: number;
  readonly seed: number;
}

export interface SampleFile {
  readonly bytes: Buffer;
  readonly extension: 'jpg' | 'png' | 'webp';
  readonly contentType: string;
}

/** The same bytes for the same specification and the same sharp. */
export async function makeSamplePicture(spec: SampleSpec): Promise<SampleFile> {
  const random = createRandom(spec.seed);
  const width = Math.round(Math.sqrt((spec.megapixels * 1e6 * 4) / 3));
  const height = Math.round((width * 3) / 4);
  const painted = fromPixels(await paintPhoto(width, height, random));
  const kept = withCamera(spec.profile === 'p3' ? painted.withIccProfile('p3') : painted, spec, random());
  switch (spec.kind) {
    case 'jpeg':
    case 'progressive-jpeg': {
      const progressive = spec.kind === 'progressive-jpeg';
      const quality = 90 + Math.floor(random() * 3);
      return {
        bytes: await kept.jpeg({ quality, progressive }).toBuffer(),
        extension: 'jpg',
        contentType: 'image/jpeg',
      };
    }
    case 'png-alpha':
      return {
        bytes: await kept.ensureAlpha(0.8).png({ compressionLevel: 6 }).toBuffer(),
        extension: 'png',
        contentType: 'image/png',
      };
    case 'webp':
      return {
        bytes: await kept.webp({ quality: 88, effort: 2 }).toBuffer(),
        extension: 'webp',
        contentType: 'image/webp',
      };
  }
}

function withCamera(pipeline: Sharp, { orientation }: SampleSpec, chance: number): Sharp {
  const day = String(1 + Math.floor(chance * 28)).padStart(2, '0');
  return pipeline
    .withExif({
      IFD0: { Make: 'Millrace', Model: 'Sample' },
      IFD2: {
        DateTimeOriginal: `2026:06:${day} 10:30:00`,
        OffsetTimeOriginal: '+02:00',
        ExposureTime: '1/250',
        FNumber: '28/10',
        ISOSpeedRatings: '100',
        FocalLength: '35/1',
        LensModel: '35mm F2',
      },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '48/1 8/1 0/1', GPSLongitudeRef: 'E', GPSLongitude: '11/1 34/1 0/1' },
    })
    .withMetadata({ orientation });
}
