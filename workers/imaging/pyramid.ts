// Step 4: each smaller size from the one above it, never from the source again.
import type { Level } from './levels.ts';
import type { Pixels } from './picture.ts';
import { fromPixels, toPixels } from './pixels.ts';

/** One entry per level, in their order. `largest` is the first level's pixels. */
export async function pyramid(largest: Pixels, levels: readonly Level[]): Promise<readonly Pixels[]> {
  const made: Pixels[] = [];
  let above = largest;
  for (const { width, height } of levels) {
    if (width !== above.width || height !== above.height) {
      above = await toPixels(fromPixels(above).resize({ width, height, fit: 'fill' }));
    }
    made.push(above);
  }
  return made;
}
