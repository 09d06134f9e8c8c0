// The smallest way to tell sharp which colours raw pixels are in: a TIFF around them that carries the profile.
import type { Pixels } from './picture.ts';

const ASCII_HEADER_BYTES = 8;
const ENTRY_BYTES = 12;
const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;

/** Uncompressed, little-endian, one strip. `pixels` has 3 or 4 channels. */
export function wrapInTiff({ data, width, height, channels }: Pixels, icc: Buffer): Buffer {
  const hasAlpha = channels === 4;
  const entryCount = hasAlpha ? 11 : 10;
  const bitsAt = ASCII_HEADER_BYTES + 2 + entryCount * ENTRY_BYTES + 4;
  const iccAt = bitsAt + channels * 2;
  const pixelsAt = iccAt + icc.length + (icc.length % 2);

  const head = Buffer.alloc(pixelsAt);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(ASCII_HEADER_BYTES, 4);
  head.writeUInt16LE(entryCount, ASCII_HEADER_BYTES);
  let at = ASCII_HEADER_BYTES + 2;
  const entry = (tag: number, type: number, count: number, value: number) => {
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(count, at + 4);
    head.writeUInt32LE(value, at + 8);
    at += ENTRY_BYTES;
  };
  entry(256, LONG, 1, width);
  entry(257, LONG, 1, height);
  entry(258, SHORT, channels, bitsAt); // bits per sample
  entry(259, SHORT, 1, 1); // no compression
  entry(262, SHORT, 1, 2); // RGB
  entry(273, LONG, 1, pixelsAt); // the strip
  entry(277, SHORT, 1, channels);
  entry(278, LONG, 1, height); // rows per strip
  entry(279, LONG, 1, data.length);
  if (hasAlpha) entry(338, SHORT, 1, 2); // alpha, not premultiplied
  entry(34675, UNDEFINED, icc.length, iccAt);
  for (let channel = 0; channel < channels; channel += 1) head.writeUInt16LE(8, bitsAt + channel * 2);
  icc.copy(head, iccAt);
  return Buffer.concat([head, data]);
}
