// What can still be shown of a damaged picture, where a browser would show most of it.
import sharp from 'sharp';
import type { Picture } from './picture.ts';
import { repairPng } from './png-repair.ts';

export interface Salvaged {
  readonly bytes: Buffer;
  readonly failOn: 'none' | 'warning';
}

const MISSING_MAX = 0.5;

/**
 * The bytes to decode once more, and how strictly. Null: too little is left, or the format breaks as a whole (WebP, AVIF, HEIC, SVG), or
 * its lenient decode could show what was in memory before (TIFF). Rejects where not even a lenient decode comes to an end.
 */
export async function salvage({ format, bytes }: Picture, limitInputPixels: number): Promise<Salvaged | null> {
  if (format === 'png') {
    const repaired = await repairPng(bytes);
    return repaired !== undefined && repaired.share >= 1 - MISSING_MAX
      ? { bytes: repaired.bytes, failOn: 'warning' }
      : null;
  }
  if (format !== 'jpeg' && format !== 'gif') return null;
  return (await flatShare(bytes, limitInputPixels)) <= MISSING_MAX ? { bytes, failOn: 'none' } : null;
}

const ROWS = 200;
const COLUMNS = 32;

/** How much of a leniently decoded picture is one flat colour to its end: what decoders put where nothing was left. */
async function flatShare(bytes: Buffer, limitInputPixels: number): Promise<number> {
  // In the file's own orientation: decoders go from its first row to its last.
  const { data, info } = await sharp(bytes, { failOn: 'none', limitInputPixels })
    .flatten({ background: '#808080' })
    .resize({ width: COLUMNS, height: ROWS, fit: 'fill' })
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return flatTailRows(data, info.width * info.channels) / info.height;
}

/** Of 255: what resizing leaves of noise in a flat area. */
const FLAT = 2;

/** How many of the last rows are one flat colour throughout. */
function flatTailRows(grey: Uint8Array, stride: number): number {
  const colour = grey.at(-1) ?? 0;
  let rows = 0;
  for (let start = grey.length - stride; start >= 0; start -= stride) {
    for (let at = start; at < start + stride; at += 1) {
      if (Math.abs((grey[at] ?? 0) - colour) > FLAT) return rows;
    }
    rows += 1;
  }
  return rows;
}
