// Makes one picture file as a camera, a phone or a tool would have written it.
import type { Sharp } from 'sharp';
import { createRandom, paintPhoto } from './paint.ts';
import { fromPixels } from './pixels.ts';

export interface SampleSpec {
  readonly megapixels: number;
  readonly kind: 'jpeg' | 'progressive-jpeg' | 'png-alpha' | 'webp';
  readonly profile: 'srgb' | 'p3';
  /** EXIF orientation 1–8; a PNG is always upright. */
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
  const shot = withCamera(fromPixels(await paintPhoto(width, height, random)), random());
  const kept = spec.profile === 'p3' ? shot.withIccProfile('p3') : shot;
  const quality = 90 + Math.floor(random() * 3);
  switch (spec.kind) {
    case 'jpeg':
    case 'progressive-jpeg': {
      const bytes = await kept.jpeg({ quality, progressive: spec.kind === 'progressive-jpeg' }).toBuffer();
      return { bytes: turned(bytes, spec.orientation), extension: 'jpg', contentType: 'image/jpeg' };
    }
    case 'webp': {
      const bytes = await kept.webp({ quality, effort: 2 }).toBuffer();
      return { bytes: turned(bytes, spec.orientation), extension: 'webp', contentType: 'image/webp' };
    }
    case 'png-alpha':
      return { bytes: await kept.ensureAlpha(0.8).png().toBuffer(), extension: 'png', contentType: 'image/png' };
  }
}

function withCamera(pipeline: Sharp, chance: number): Sharp {
  const day = String(1 + Math.floor(chance * 28)).padStart(2, '0');
  return pipeline.withExif({
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
  });
}

/** Tag 0x0112, one 16-bit number, little-endian: what sharp always writes as 1, unless withMetadata is used, which adds an sRGB profile. */
const ORIENTATION_ENTRY = Buffer.from([0x12, 0x01, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00]);

function turned(bytes: Buffer, orientation: number): Buffer {
  const at = bytes.indexOf(ORIENTATION_ENTRY);
  if (at === -1) throw new Error('the EXIF block has no orientation');
  bytes.writeUInt16LE(orientation, at + ORIENTATION_ENTRY.length);
  return bytes;
}
