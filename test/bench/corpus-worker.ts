// Thread that paints pictures of the corpus, one at a time.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { makeSamplePicture, type SampleSpec } from '../../workers/imaging/sample-picture.ts';
import type { CorpusPicture } from './corpus.ts';

sharp.concurrency(1);

interface Order {
  readonly directory: string;
  readonly name: string;
  readonly spec: SampleSpec;
}

parentPort?.on('message', (order: Order) => void paint(order));

async function paint({ directory, name, spec }: Order): Promise<void> {
  const { bytes, extension, contentType } = await makeSamplePicture(spec);
  const file = `${name}.${extension}`;
  await writeFile(join(directory, file), bytes);
  const picture: CorpusPicture = { ...spec, file, contentType, bytes: bytes.length };
  parentPort?.postMessage(picture, []);
}
