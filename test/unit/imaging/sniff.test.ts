import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniff } from '../../../workers/imaging/sniff.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const image = (format: string) => ({ kind: 'image', format });
const brands = (...names: string[]) => {
  const box = bytes(`\0\0\0\0ftyp${names[0]}\0\0\0\0${names.slice(1).join('')}`);
  box.writeUInt32BE(box.length, 0);
  return box;
};

const KNOWN: [string, Buffer, object | null][] = [
  ['JPEG', bytes('\xff\xd8\xff\xe0'), image('jpeg')],
  ['PNG', bytes('\x89PNG\r\n\x1a\n....'), image('png')],
  ['GIF', bytes('GIF89a'), image('gif')],
  ['WebP', bytes('RIFF\0\0\0\0WEBPVP8 '), image('webp')],
  ['a WAVE file shares its first four bytes with WebP', bytes('RIFF\0\0\0\0WAVEfmt '), null],
  ['TIFF, little-endian', bytes('II*\0\x08\0\0\0\0\0'), image('tiff')],
  ['TIFF, big-endian', bytes('MM\0*\0\0\0\x08\0\0'), image('tiff')],
  ['HEIC', brands('heic', 'mif1', 'heic'), image('heif')],
  ['AVIF', brands('avif', 'mif1', 'miaf'), image('heif')],
  ['HEIC by a compatible brand', brands('abcd', 'mif1'), image('heif')],
  ['MP4', brands('isom', 'iso2', 'avc1', 'mp41'), null],
  ['SVG', bytes('<svg xmlns="http://www.w3.org/2000/svg">'), image('svg')],
  [
    'SVG after declaration, comment and DOCTYPE',
    bytes('\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a > b --><!DOCTYPE svg [ <!ENTITY a "]>"> ]>\n<svg:svg >'),
    image('svg'),
  ],
  ['SVG in UTF-16', Buffer.from('\ufeff<svg width="1"/>', 'utf16le'), image('svg')],
  ['a web page with an SVG in it', bytes('<!DOCTYPE html><html><body><svg></svg>'), null],
  ['other XML', bytes('<?xml version="1.0"?><feed/>'), null],
  ['text that begins like BMP', bytes('BMW drives well, they say'), null],
  ['text', bytes('hello'), null],
  ['nothing', Buffer.alloc(0), null],
  ['zeros', Buffer.alloc(64), null],
];

for (const [name, head, expected] of KNOWN) {
  test(`first bytes: ${name}`, () => assert.deepEqual(sniff(head), expected));
}

function tiffWith(tag: number, type: number, count: number, value: number): Buffer {
  const tiff = Buffer.alloc(26);
  tiff.write('II*\0', 'latin1');
  tiff.writeUInt32LE(8, 4);
  tiff.writeUInt16LE(1, 8);
  tiff.writeUInt16LE(tag, 10);
  tiff.writeUInt16LE(type, 12);
  tiff.writeUInt32LE(count, 14);
  tiff.writeUInt32LE(value, 18);
  return tiff;
}

const bmp = Buffer.alloc(54);
bmp.write('BM');
bmp.writeUInt32LE(40, 14);

const UNSUPPORTED: [string, Buffer][] = [
  ['BMP', bmp],
  ['JPEG XL', bytes('\xff\x0a....')],
  ['JPEG 2000', bytes('\0\0\0\x0cjP  \r\n\x87\n')],
  ['Photoshop', bytes('8BPS\0\x01')],
  ['Canon raw in a TIFF', bytes('II*\0\x10\0\0\0CR\x02\0')],
  ['Canon raw in boxes', brands('crx ', 'isom')],
  ['a raw whose first image is a preview', tiffWith(254, 4, 1, 1)],
  ['DNG', tiffWith(50706, 1, 4, 1)],
];

for (const [name, head] of UNSUPPORTED) {
  test(`a picture of a kind that is not rendered: ${name}`, () => assert.equal(sniff(head)?.kind, 'unsupported'));
}

test('every cut of a header is answered without an exception', () => {
  for (const [, head] of KNOWN) for (let end = 0; end < head.length; end += 1) sniff(head.subarray(0, end));
  for (const [, head] of UNSUPPORTED) for (let end = 0; end < head.length; end += 1) sniff(head.subarray(0, end));
});
