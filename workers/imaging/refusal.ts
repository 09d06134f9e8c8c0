// A picture we will not render, with the code that is remembered for it (I6).
import { AppError } from '../platform/errors.ts';

export type RefusalCode =
  | 'DAMAGED'
  | 'IMAGE_TOO_LARGE'
  | 'NOT_AN_IMAGE'
  | 'NOT_DECODABLE'
  | 'SOURCE_TOO_LARGE'
  | 'SVG_EXTERNAL_REFERENCE'
  | 'SVG_UNSAFE_ENTITIES'
  | 'TOO_MANY_FRAMES'
  | 'UNSUPPORTED_FORMAT';

/** Thrown by the steps, made a `refused` result by the renderer child. `message` is shown to users. */
export class RefusalError extends AppError {
  declare readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, cause?: unknown) {
    super(code, message, { disposition: 'refuse', ...(cause === undefined ? {} : { cause }) });
    this.name = 'RefusalError';
  }
}
