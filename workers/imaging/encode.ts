// Step 5: one rendition per preset. Raw pixels carry no metadata, so neither do the files.
import type { Sharp } from 'sharp';
import { renditionFile, type Preset } from '../model/preset.ts';
import { coverSquare, type Level } from './levels.ts';
import type { EncodedFile, Pixels } from './picture.ts';
import { fromPixels } from './pixels.ts';

/** The smaller ones are encoded beside the largest: on an idle machine they then cost no time of their own. */
export async function encode(levels: readonly Level[], pyramid: readonly Pixels[]): Promise<readonly EncodedFile[]> {
  const jobs = levels.flatMap((level, at) => level.presets.map((preset) => ({ preset, level, pixels: pyramid[at] })));
  return await Promise.all(
    jobs.map(async ({ preset, level, pixels }) => {
      if (pixels === undefined) throw new RangeError('a level without its pixels');
      const whole = fromPixels(pixels);
      const cut = preset.fit === 'cover' ? whole.extract(coverSquare(level, preset)) : whole;
      const { data, info } = await withFormat(cut, preset).toBuffer({ resolveWithObject: true });
      return {
        preset: preset.name,
        file: renditionFile(preset),
        format: preset.format,
        width: info.width,
        height: info.height,
        data,
      };
    }),
  );
}

function withFormat(pipeline: Sharp, { format, quality, effort }: Preset): Sharp {
  switch (format) {
    case 'webp':
      return pipeline.webp({ quality, effort });
    case 'avif':
      // Never its default effort: 2.8 s for 1600 × 1200 against 0.07 at effort 0 (measured).
      return pipeline.avif({ quality, effort, chromaSubsampling: '4:2:0' });
    case 'jpeg':
      return pipeline.flatten({ background: '#ffffff' }).jpeg({ quality });
    case 'png':
      return pipeline.png();
  }
}
