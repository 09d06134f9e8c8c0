// Step 6: what a page shows of a picture before it has any of it: a thumbhash and the dominant colour.
import { rgbaToThumbHash } from 'thumbhash';
import type { Pixels } from './picture.ts';
import { fromPixels } from './pixels.ts';

/** A thumbhash keeps at most 7 × 7 waves: more pixels than this change nothing and cost milliseconds. */
const LONG_SIDE_PX = 32;

export interface PixelFingerprint {
  /** Base64. */
  readonly thumbhash: string;
  /** `#rrggbb`. */
  readonly dominantColour: string;
}

export async function fingerprintPixels(smallest: Pixels): Promise<PixelFingerprint> {
  const { data, info } = await fromPixels(smallest)
    .resize({ width: LONG_SIDE_PX, height: LONG_SIDE_PX, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    thumbhash: Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64'),
    dominantColour: dominantColour(data),
  };
}

/** The mean of the fullest of 512 boxes of colour; transparent pixels count for what is seen of them. Without any: white. */
function dominantColour(rgba: Uint8Array): string {
  const boxes = new Map<number, [weight: number, r: number, g: number, b: number]>();
  for (let at = 0; at + 3 < rgba.length; at += 4) {
    const [r = 0, g = 0, b = 0, alpha = 0] = rgba.subarray(at, at + 4);
    const name = ((r >> 5) << 6) | ((g >> 5) << 3) | (b >> 5);
    const box = boxes.get(name) ?? [0, 0, 0, 0];
    box[0] += alpha;
    box[1] += r * alpha;
    box[2] += g * alpha;
    box[3] += b * alpha;
    boxes.set(name, box);
  }
  let [weight, ...sums] = [0, 0, 0, 0];
  for (const box of boxes.values()) if (box[0] > weight) [weight, ...sums] = box;
  if (weight === 0) return '#ffffff';
  return `#${sums
    .map((sum) =>
      Math.round(sum / weight)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
