// The whole story of a picture, read from top to bottom.
import { colourSpaceOf } from './colour-space.ts';
import { decodeOnce } from './decode.ts';
import { encode } from './encode.ts';
import { fingerprintPixels } from './fingerprint-pixels.ts';
import { guard, megapixels } from './guard.ts';
import { planLevels } from './levels.ts';
import type { RenderedPicture, Wish } from './picture.ts';
import { probe } from './probe.ts';
import { pyramid } from './pyramid.ts';
import { readExif } from './read-exif.ts';

/** Where the longest side of the one decode ends when no preset asks for pixels: enough for the fingerprint. */
const NO_PRESETS = { name: '', longSidePx: 160, fit: 'inside', format: 'webp', quality: 80, effort: 0 } as const;

/**
 * Renders every preset wanted from one decode. `largePermit` is awaited before a picture above `limits.largePictureMegapixels` is
 * decoded. Errors: RefusalError; anything else thrown is a fault of ours.
 */
export async function renderPicture(
  bytes: Buffer,
  wish: Wish,
  largePermit: () => Promise<void>,
): Promise<RenderedPicture> {
  const clock = phaseClock();

  const picture = await probe(bytes);
  guard(picture, wish.limits);
  if (megapixels(picture) > wish.limits.largePictureMegapixels) await largePermit();
  const probed = clock();

  const levels = planLevels(picture, wish.presets);
  const [largest] = levels.length > 0 ? levels : planLevels(picture, [NO_PRESETS]);
  if (largest === undefined) throw new RangeError('no level was planned');
  const { pixels, damaged, decodes } = await decodeOnce(picture, largest, wish.limits, wish.damaged);
  const decoded = clock();

  const sizes = await pyramid(pixels, levels);
  const [files, fingerprint] = await Promise.all([encode(levels, sizes), fingerprintPixels(sizes.at(-1) ?? pixels)]);
  const encoded = clock();

  const { width, height, format, frames, header } = picture;
  return {
    files,
    metadata: {
      width,
      height,
      format,
      orientation: header.orientation ?? 1,
      colourSpace: colourSpaceOf(picture),
      hasAlpha: header.hasAlpha,
      frames,
      ...fingerprint,
      exif: readExif(header.exif, wish.gps),
    },
    damaged,
    decodes,
    phasesMs: { probe: probed, decode: decoded, encode: encoded },
  };
}

/** Each call tells the milliseconds since the one before. */
function phaseClock(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const passed = now - last;
    last = now;
    return passed;
  };
}
