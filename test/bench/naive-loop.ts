// What is written first by anybody who has sharp: three pipelines from the same buffer, everything else as it comes.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { eachInFlight } from './in-flight.ts';
import type { LoopSetup } from './loops.ts';
import type { Work } from './loop-child.ts';

export function createNaiveLoop({ presets, inFlight }: LoopSetup): Work {
  return ({ files }) =>
    eachInFlight(files, inFlight, async (file) => {
      const bytes = await readFile(file);
      await Promise.all(
        presets.map(({ longSidePx, quality }) =>
          sharp(bytes)
            .autoOrient()
            .resize({ width: longSidePx, height: longSidePx, fit: 'inside', withoutEnlargement: true })
            .webp({ quality })
            .toBuffer(),
        ),
      );
    });
}
