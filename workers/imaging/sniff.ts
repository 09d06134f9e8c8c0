// Tells by its first bytes what an object is; names and content types are never asked.
import { readRootElement } from './svg-prolog.ts';

export type SourceFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'svg' | 'heif';

export type Sniffed =
  | { readonly kind: 'image'; readonly format: SourceFormat }
  /** A picture of a kind that nothing here decodes. */
  | { readonly kind: 'unsupported'; readonly format: string };

/** As many first bytes as `sniff` ever looks at: an SVG may open with a long comment or list of entities. */
export const HEAD_BYTES = 16 * 1024;

/** Null: no picture. `head` is the object's first `HEAD_BYTES`, or all of it. */
export function sniff(head: Buffer): Sniffed | null {
  const starts = (text: string, at = 0) => head.subarray(at, at + text.length).equals(Buffer.from(text, 'latin1'));

  if (starts('\xff\xd8\xff')) return image('jpeg');
  if (starts('\x89PNG\r\n\x1a\n')) return image('png');
  if (starts('GIF87a') || starts('GIF89a')) return image('gif');
  if (starts('RIFF') && starts('WEBP', 8)) return image('webp');
  if (starts('CR\x02', 8) && (starts('II*\0') || starts('MM\0*'))) return unsupported('Canon raw');
  if (starts('II*\0') || starts('MM\0*') || starts('II+\0') || starts('MM\0+')) return sniffTiff(head);
  if (starts('ftyp', 4)) return sniffBrands(head);
  if (starts('\0\0\0\x0cJXL \r\n\x87\n') || starts('\xff\x0a')) return unsupported('JPEG XL');
  if (starts('\0\0\0\x0cjP  \r\n\x87\n') || starts('\xff\x4f\xff\x51')) return unsupported('JPEG 2000');
  if (starts('8BPS\0')) return unsupported('Photoshop');
  if (starts('IIRO') || starts('IIRS') || starts('IIU\0') || starts('FUJIFILMCCD-RAW'))
    return unsupported('camera raw');
  if (starts('BM') && head.length >= 18 && [12, 40, 52, 56, 64, 108, 124].includes(head.readUInt32LE(14))) {
    return unsupported('BMP');
  }
  if (starts('\0\0\x01\0') && head.length >= 6 && head.readUInt16LE(4) > 0 && head[9] === 0) return unsupported('icon');
  return readRootElement(head) === 'svg' ? image('svg') : null;
}

const image = (format: SourceFormat): Sniffed => ({ kind: 'image', format });
const unsupported = (format: string): Sniffed => ({ kind: 'unsupported', format });

/** HEIC and AVIF share their container and some brands: which codec is inside, the header read later tells. */
function sniffBrands(head: Buffer): Sniffed | null {
  const end = Math.min(head.readUInt32BE(0), head.length);
  const brands: string[] = [];
  for (let at = 8; at + 4 <= end; at += at === 8 ? 8 : 4) brands.push(head.toString('latin1', at, at + 4));
  const [major] = brands;
  if (major === 'crx ') return unsupported('Canon raw');
  if (brands.some((brand) => PICTURE_BRANDS.has(brand))) return image('heif');
  return null; // a video, most often
}

const PICTURE_BRANDS = new Set(['avif', 'avis', 'heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']);

const TAG_NEW_SUBFILE_TYPE = 254;
const TAG_DNG_VERSION = 50706;

/** Most camera raws are TIFFs whose first image is a stamp-sized preview: rendered, they would look like a success. */
function sniffTiff(head: Buffer): Sniffed {
  const big = head[2] === 0x2b || head[3] === 0x2b;
  const little = head[0] === 0x49;
  const u16 = (at: number) => (at + 2 > head.length ? 0 : little ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const u32 = (at: number) => (at + 4 > head.length ? 0 : little ? head.readUInt32LE(at) : head.readUInt32BE(at));
  if (big) return image('tiff');
  const directory = u32(4);
  for (let entry = 0; entry < u16(directory); entry += 1) {
    const at = directory + 2 + entry * 12;
    const tag = u16(at);
    if (tag === TAG_DNG_VERSION) return unsupported('camera raw');
    if (tag === TAG_NEW_SUBFILE_TYPE && (u32(at + 8) & 1) === 1) return unsupported('camera raw');
  }
  return image('tiff');
}
