// Step 2: refuses by its header what would cost too much to decode (I8).
import type { Limits } from '../model/desired.ts';
import type { Picture } from './picture.ts';
import { RefusalError } from './refusal.ts';

/** Errors: RefusalError SOURCE_TOO_LARGE, IMAGE_TOO_LARGE, TOO_MANY_FRAMES, NOT_DECODABLE. */
export function guard(picture: Picture, limits: Limits): void {
  if (picture.bytes.length > limits.sourceMaxBytes) throw sourceTooLarge(picture.bytes.length, limits);
  if (!(picture.width > 0 && picture.height > 0)) {
    throw new RefusalError('NOT_DECODABLE', 'The picture has no width or no height.');
  }
  if (megapixels(picture) > limits.maxMegapixels) {
    throw new RefusalError(
      'IMAGE_TOO_LARGE',
      `${picture.width} × ${picture.height} pixels are more than the ${limits.maxMegapixels} megapixels allowed.`,
    );
  }
  if (picture.frames > limits.maxFrames) {
    throw new RefusalError(
      'TOO_MANY_FRAMES',
      `${picture.frames} frames are more than the ${limits.maxFrames} allowed.`,
    );
  }
}

export function sourceTooLarge(sizeBytes: number, limits: Limits): RefusalError {
  return new RefusalError('SOURCE_TOO_LARGE', `${sizeBytes} bytes are more than the ${limits.sourceMaxBytes} allowed.`);
}

export function megapixels({ width, height }: Pick<Picture, 'width' | 'height'>): number {
  return (width * height) / 1e6;
}
