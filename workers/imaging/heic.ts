// HEIC, which sharp's own libheif cannot decode for want of HEVC: decoded by WebAssembly in a thread, then as any other picture.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import type { HeicAnswer, HeicRequest } from './heic-worker.ts';
import type { Picture, Pixels, Size } from './picture.ts';
import { toPixels } from './pixels.ts';
import { wrapInTiff } from './tiff.ts';

/** Upright already: libheif applies the container's rotation, and the EXIF orientation beside it must not be applied again. */
export async function heicPixels({ bytes, header }: Picture, { width, height }: Size): Promise<Pixels> {
  const whole = await decodeInThread({ bytes, index: header.pagePrimary ?? 0 });
  const input = Buffer.from(whole.rgba.buffer);
  const rgba = sharp(input, {
    limitInputPixels: false,
    raw: { width: whole.width, height: whole.height, channels: 4 },
  });
  const pixels = await toPixels((header.hasAlpha ? rgba : rgba.removeAlpha()).resize({ width, height, fit: 'fill' }));
  // libheif leaves the colours as they are; iPhones write Display P3.
  return header.icc === undefined ? pixels : await toPixels(sharp(wrapInTiff(pixels, header.icc)));
}

let thread: Worker | undefined;

/** One thread, started with the first HEIC and kept: each start costs 90 ms. */
async function decodeInThread(request: HeicRequest): Promise<Extract<HeicAnswer, { kind: 'decoded' }>> {
  thread ??= startThread();
  thread.ref();
  try {
    thread.postMessage(request, []);
    const [answer] = (await once(thread, 'message')) as [HeicAnswer];
    if (answer.kind === 'failed') throw new Error(`HEIC: ${answer.message}`);
    return answer;
  } finally {
    thread?.unref();
  }
}

function startThread(): Worker {
  const worker = new Worker(new URL('./heic-worker.ts', import.meta.url));
  worker.once('exit', () => {
    thread = undefined;
  });
  return worker;
}
