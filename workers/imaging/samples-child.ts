// Entry of the child that paints the demo's pictures.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { makeSamplePicture, type SampleSpec } from './sample-picture.ts';
import type { Sample } from './samples.ts';

sharp.concurrency(1);

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.once('message', (order: { directory: string; specs: readonly SampleSpec[] }) => void paint(order));

async function paint({ directory, specs }: { directory: string; specs: readonly SampleSpec[] }): Promise<void> {
  const samples = await Promise.all(
    specs.map(async (spec, at): Promise<Sample> => {
      const { bytes, extension, contentType } = await makeSamplePicture(spec);
      const file = `sample-${at + 1}.${extension}`;
      await writeFile(join(directory, file), bytes);
      return { file, contentType };
    }),
  );
  process.send?.(samples);
}
