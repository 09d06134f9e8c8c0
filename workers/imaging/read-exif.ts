// Step 7: the few EXIF facts that are kept. What a camera wrote wrongly is left out; it is never a reason to refuse a picture.
import exifReader from 'exif-reader';
import type { ExifFacts } from '../model/image-metadata.ts';

/** `exif` as found in the source; positions only where they are asked for. */
export function readExif(exif: Buffer | undefined, withGps: boolean): ExifFacts {
  const tags = exif === undefined ? undefined : parse(exif);
  if (tags === undefined) return {};
  // A broken directory is null.
  const image = tags.Image ?? {};
  const photo = tags.Photo ?? {};
  const gps = tags.GPSInfo ?? {};
  return withoutUndefined({
    cameraMake: text(image.Make),
    cameraModel: text(image.Model),
    lens: text(photo.LensModel),
    exposureS: positive(photo.ExposureTime),
    aperture: positive(photo.FNumber),
    iso: positive(Array.isArray(photo.ISOSpeedRatings) ? photo.ISOSpeedRatings[0] : photo.ISOSpeedRatings),
    focalLengthMm: positive(photo.FocalLength),
    takenAt: takenAt(photo.DateTimeOriginal, photo.OffsetTimeOriginal),
    gps: withGps ? position(gps) : undefined,
  });
}

type Tags = ReturnType<typeof exifReader>;

function parse(exif: Buffer): Tags | undefined {
  try {
    return exifReader(exif);
  } catch (error) {
    if (error instanceof Error) return undefined; // exif-reader throws on any malformed block
    throw error;
  }
}

const TEXT_MAX = 200;

/** Control characters go: PostgreSQL's jsonb takes no NUL, and a terminal should not take the others. */
function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const clean = value
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, TEXT_MAX)
    .toWellFormed();
  return clean === '' ? undefined : clean;
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Number(value.toPrecision(6)) : undefined;
}

/** exif-reader makes a Date as if the camera's clock were UTC: cut off the zone again, it is what the camera wrote. */
function takenAt(value: unknown, offset: unknown): string | undefined {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) return undefined;
  const zone = typeof offset === 'string' ? (/^[+-]\d\d:\d\d/.exec(offset)?.[0] ?? '') : '';
  return value.toISOString().slice(0, 19) + zone;
}

function position(gps: Partial<Record<string, unknown>>): ExifFacts['gps'] {
  const latitude = degrees(gps.GPSLatitude, gps.GPSLatitudeRef, 'S', 90);
  const longitude = degrees(gps.GPSLongitude, gps.GPSLongitudeRef, 'W', 180);
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
}

function degrees(value: unknown, ref: unknown, negative: string, max: number): number | undefined {
  if (!Array.isArray(value)) return undefined;
  const [d, m = 0, s = 0]: unknown[] = value;
  if (typeof d !== 'number' || typeof m !== 'number' || typeof s !== 'number') return undefined;
  const sum = d + m / 60 + s / 3600;
  if (!(sum >= 0 && sum <= max)) return undefined;
  return Number((ref === negative ? -sum : sum).toFixed(6));
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(facts: T): Defined<T> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Defined<T>;
}
