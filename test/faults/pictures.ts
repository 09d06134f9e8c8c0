// Small pictures that differ: each number has its own colour, which its renditions still show.
import { createHash } from 'node:crypto';
import sharp from 'sharp';

export interface Picture {
  readonly bytes: Buffer;
  readonly contentType: string;
}

const painted = new Map<string, Promise<Picture>>();

/** The same bytes for the same number. `widthPx` × three quarters of it. */
export function picture(number: number, format: 'jpeg' | 'png' = 'jpeg', widthPx = 96): Promise<Picture> {
  const name = `${number} ${format} ${widthPx}`;
  const made = painted.get(name) ?? paint(number, format, widthPx);
  painted.set(name, made);
  return made;
}

async function paint(number: number, format: 'jpeg' | 'png', width: number): Promise<Picture> {
  const [r = 0, g = 0, b = 0] = createHash('sha256').update(String(number)).digest();
  const height = Math.round((width * 3) / 4);
  const flat = sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
  // The number itself, so that two pictures of nearly one colour still have different etags.
  const bytes = await flat
    .withExif({ IFD0: { ImageDescription: `picture ${number}` } })
    .toFormat(format)
    .toBuffer();
  return { bytes, contentType: `image/${format}` };
}
