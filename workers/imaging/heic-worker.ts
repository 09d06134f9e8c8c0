// The thread that decodes HEIC: WebAssembly runs to its end without a pause, and the renderer's own thread must hear its parent die.
import { parentPort } from 'node:worker_threads';
import heicDecode from 'heic-decode';

export interface HeicRequest {
  readonly bytes: Uint8Array;
  /** Which of the pictures in the file. */
  readonly index: number;
}

export type HeicAnswer =
  | {
      readonly kind: 'decoded';
      readonly rgba: Uint8ClampedArray<ArrayBuffer>;
      readonly width: number;
      readonly height: number;
    }
  | { readonly kind: 'failed'; readonly message: string };

parentPort?.on('message', (request: HeicRequest) => void answer(request));

async function answer({ bytes, index }: HeicRequest): Promise<void> {
  const decoded = await decode(bytes, index);
  parentPort?.postMessage(decoded, decoded.kind === 'decoded' ? [decoded.rgba.buffer] : []);
}

async function decode(bytes: Uint8Array, index: number): Promise<HeicAnswer> {
  try {
    const images = await heicDecode.all({ buffer: bytes });
    try {
      const image = images[index] ?? images[0];
      if (image === undefined) return { kind: 'failed', message: 'no picture in the file' };
      const { data, width, height } = await image.decode();
      return { kind: 'decoded', rgba: data, width, height };
    } finally {
      images.dispose();
    }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
