// Step 1: reads first bytes and header. Nothing is decoded yet.
import sharp, { type Metadata } from 'sharp';
import type { Picture } from './picture.ts';
import { RefusalError } from './refusal.ts';
import { HEAD_BYTES, sniff } from './sniff.ts';
import { assertSelfContained } from './svg-guard.ts';

/** Errors: RefusalError NOT_AN_IMAGE, UNSUPPORTED_FORMAT, NOT_DECODABLE, SVG_…. */
export async function probe(bytes: Buffer): Promise<Picture> {
  const sniffed = sniff(bytes.subarray(0, HEAD_BYTES));
  if (sniffed === null)
    throw new RefusalError('NOT_AN_IMAGE', 'The first bytes are of no image format that is known here.');
  if (sniffed.kind === 'unsupported') {
    throw new RefusalError('UNSUPPORTED_FORMAT', `Pictures of the kind "${sniffed.format}" cannot be rendered here.`);
  }
  if (sniffed.format === 'svg') assertSelfContained(bytes);

  const header = await readHeader(bytes);
  const format = sniffed.format === 'heif' ? (header.compression === 'hevc' ? 'heic' : 'avif') : sniffed.format;
  return { bytes, format, ...header.autoOrient, frames: header.pages ?? 1, header };
}

async function readHeader(bytes: Buffer): Promise<Metadata> {
  try {
    // No pixel limit here: the guard tells the size of what it refuses.
    return await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata();
  } catch (error) {
    throw new RefusalError('NOT_DECODABLE', 'The header of the picture cannot be read.', error);
  }
}
