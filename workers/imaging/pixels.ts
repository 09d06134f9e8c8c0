// Between sharp and raw pixels, both ways.
import sharp, { type Sharp } from 'sharp';
import type { Pixels } from './picture.ts';

/** Runs the pipeline to 8-bit sRGB; `toColourspace` also makes 8 bits of 16 and RGB of CMYK. */
export async function toPixels(pipeline: Sharp): Promise<Pixels> {
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

export function fromPixels({ data, width, height, channels }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels } });
}
