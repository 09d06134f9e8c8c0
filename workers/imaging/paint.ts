// Paints pictures that cost what photographs cost: large soft colours, edges, areas full of detail beside calm ones, and a sensor's noise.
import type { Pixels } from './picture.ts';
import { fromPixels } from './pixels.ts';

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export type Random = () => number;

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How strong each size of detail is, coarse to fine. Measured against photographs: a 12 MP JPEG of quality 91 has about 3 MB, its 1600 px WebP 0.14. */
const DETAIL = [
  { shrink: 96, strength: 0.35 },
  { shrink: 24, strength: 0.15 },
  { shrink: 6, strength: 0.08 },
  { shrink: 2, strength: 0.12 },
  { shrink: 1, strength: 0.14 },
] as const;

const GREY = 128;

/** RGB. About 0.07 s a megapixel. */
export async function paintPhoto(width: number, height: number, random: Random): Promise<Pixels> {
  const scene = await fromPixels(noise(7, 5, 3, random))
    .resize({ width, height, fit: 'fill', kernel: 'cubic' })
    .modulate({ saturation: 0.6 })
    .composite([{ input: Buffer.from(shapes(width, height, random)) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  const busy = await enlarged(noise(9, 7, 1, random), width, height);
  const detail = await paintDetail(width, height, random);
  const data = new Uint8ClampedArray(scene.buffer, scene.byteOffset, scene.length);
  for (let pixel = 0, at = 0; pixel < width * height; pixel += 1, at += 3) {
    // From a fifth in calm areas (sky) to all of it in busy ones (leaves).
    const change = ((detail[pixel] ?? 0) - GREY) * (0.2 + 0.8 * ((busy[pixel] ?? 0) / 255) ** 2);
    data[at] = (data[at] ?? 0) + change;
    data[at + 1] = (data[at + 1] ?? 0) + change;
    data[at + 2] = (data[at + 2] ?? 0) + change;
  }
  return { data: scene, width, height, channels: 3 };
}

/** One channel around the middle grey: each size of noise is added to the enlarged sum of the coarser ones. */
async function paintDetail(width: number, height: number, random: Random): Promise<Buffer> {
  let sum: Pixels | undefined;
  for (const { shrink, strength } of DETAIL) {
    const layer = noise(Math.ceil(width / shrink), Math.ceil(height / shrink), 1, random);
    const coarser =
      sum === undefined ? Buffer.alloc(layer.data.length, GREY) : await enlarged(sum, layer.width, layer.height);
    for (let at = 0; at < layer.data.length; at += 1) {
      layer.data[at] = (coarser[at] ?? 0) + ((layer.data[at] ?? 0) - GREY) * strength;
    }
    sum = layer;
  }
  return sum?.data ?? Buffer.alloc(0);
}

function noise(width: number, height: number, channels: 1 | 3, random: Random): Pixels {
  const words = new Uint32Array(Math.ceil((width * height * channels) / 4));
  let state = Math.floor(random() * 0xffffffff) | 1;
  for (let at = 0; at < words.length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return { data: Buffer.from(words.buffer, 0, width * height * channels), width, height, channels };
}

async function enlarged(pixels: Pixels, width: number, height: number): Promise<Buffer> {
  if (pixels.width === width && pixels.height === height) return pixels.data;
  return await fromPixels(pixels)
    .resize({ width, height, fit: 'fill', kernel: 'cubic' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
}

function shapes(width: number, height: number, random: Random): string {
  const within = (low: number, high: number) => low + random() * (high - low);
  const parts = Array.from({ length: 40 }, () => {
    const fill = `hsl(${within(0, 360).toFixed(0)} ${within(10, 70).toFixed(0)}% ${within(15, 85).toFixed(0)}%)`;
    const x = within(0, width);
    const y = within(0, height);
    const size = within(0.01, 0.16) * width;
    const look = `fill="${fill}" fill-opacity="${within(0.35, 0.95).toFixed(2)}"`;
    if (random() < 0.5) return `<ellipse cx="${x}" cy="${y}" rx="${size}" ry="${size * within(0.3, 1)}" ${look}/>`;
    const points = Array.from({ length: 4 }, () => `${x + within(-size, size)},${y + within(-size, size)}`);
    return `<polygon points="${points.join(' ')}" ${look}/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${parts.join('')}</svg>`;
}
