// Makes a whole PNG of a damaged one: what can be inflated stays, the rest becomes empty rows. libvips' own lenient decode would fill them
// with whatever its buffers held before, which may be somebody else's picture.
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, crc32, createDeflate, createInflate } from 'node:zlib';
import { codeOf } from '../platform/errors.ts';

export interface RepairedPng {
  readonly bytes: Buffer;
  /** How much of the pixel data was still there, 0–1. */
  readonly share: number;
}

const SIGNATURE_BYTES = 8;
/** Kept where their checksum holds; the header and the palette also where it does not. */
const KEPT = new Set(['IHDR', 'PLTE', 'tRNS', 'iCCP', 'eXIf']);
const CRITICAL = new Set(['IHDR', 'PLTE']);
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Undefined where not even the header is there. */
export async function repairPng(png: Buffer): Promise<RepairedPng | undefined> {
  const kept: Buffer[] = [];
  const data: Buffer[] = [];
  for (const { type, body, isIntact } of chunksOf(png)) {
    if (type === 'IDAT') data.push(body);
    else if (KEPT.has(type) && (isIntact || CRITICAL.has(type))) kept.push(chunk(type, body));
  }
  const header = png.subarray(SIGNATURE_BYTES + 8, SIGNATURE_BYTES + 21);
  const expected = header.length === 13 ? inflatedBytes(header) : 0;
  if (expected === 0) return undefined;

  const inflated = { bytes: 0 };
  const whole = Readable.from(inflateAndPad(data, expected, inflated)).pipe(createDeflate({ level: 1 }));
  const bytes = Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    ...kept,
    chunk('IDAT', await buffer(whole)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return { bytes, share: inflated.bytes / expected };
}

function* chunksOf(png: Buffer): Generator<{ type: string; body: Buffer; isIntact: boolean }> {
  for (let at = SIGNATURE_BYTES; at + 8 <= png.length; ) {
    const end = at + 8 + png.readUInt32BE(at);
    const isWhole = end + 4 <= png.length;
    yield {
      type: png.toString('latin1', at + 4, at + 8),
      body: png.subarray(at + 8, end),
      isIntact: isWhole && crc32(png.subarray(at + 4, end)) === png.readUInt32BE(end),
    };
    at = end + 4;
  }
}

function chunk(type: string, body: Buffer): Buffer {
  const whole = Buffer.alloc(body.length + 12);
  whole.writeUInt32BE(body.length, 0);
  whole.write(type, 4, 'latin1');
  body.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), body.length + 8);
  return whole;
}

/** Of all rows with their filter bytes; 0 where the header makes no sense. */
function inflatedBytes(header: Buffer): number {
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const [depth = 0, colourType = 0, , , interlace = 0] = header.subarray(8);
  const bits = depth * (CHANNELS[colourType] ?? 0);
  if (bits === 0) return 0;
  const passes = interlace === 0 ? [[0, 0, 1, 1] as const] : ADAM7;
  let sum = 0;
  for (const [x, y, dx, dy] of passes) {
    const columns = Math.ceil((width - x) / dx);
    const rows = Math.ceil((height - y) / dy);
    if (columns > 0 && rows > 0) sum += rows * (1 + Math.ceil((columns * bits) / 8));
  }
  return sum;
}

/** First column, first row, and the steps between columns and rows of each pass. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

const PAD_BYTES = 64 * 1024;

async function* inflateAndPad(
  data: readonly Buffer[],
  expected: number,
  inflated: { bytes: number },
): AsyncGenerator<Buffer> {
  const inflate = Readable.from(data).pipe(
    createInflate({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: PAD_BYTES }),
  );
  try {
    for await (const part of inflate as AsyncIterable<Buffer>) {
      const wanted = part.subarray(0, expected - inflated.bytes);
      inflated.bytes += wanted.length;
      yield wanted;
      if (inflated.bytes === expected) return;
    }
  } catch (error) {
    if (!codeOf(error).startsWith('Z_')) throw error; // garbage in the middle: what came before it counts
  }
  for (let missing = expected - inflated.bytes; missing > 0; missing -= PAD_BYTES) {
    yield Buffer.alloc(Math.min(missing, PAD_BYTES));
  }
}
