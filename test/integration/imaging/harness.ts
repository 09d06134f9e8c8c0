// What the imaging tests share: presets and limits, a store that answers as told, a volume, and jobs for them.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Metadata } from 'sharp';
import type { Wish } from '../../../workers/imaging/picture.ts';
import { createRenderers, type RendererPool, type RenderersOptions } from '../../../workers/imaging/renderers.ts';
import { renderPicture } from '../../../workers/imaging/steps.ts';
import type { Limits } from '../../../workers/model/desired.ts';
import type { Preset } from '../../../workers/model/preset.ts';
import type { RenderJob, RenderResult } from '../../../workers/model/render.ts';
import { MARKER_FILE, type VolumeMarker } from '../../../workers/model/volume.ts';

export const LIMITS: Limits = {
  sourceMaxBytes: 50_000_000,
  maxMegapixels: 50,
  maxFrames: 20,
  renderTimeoutS: 30,
  renderMaxMemoryMb: 800,
  largePictureMegapixels: 25,
};

export function preset(name: string, longSidePx: number, more: Partial<Preset> = {}): Preset {
  return { name, longSidePx, fit: 'inside', format: 'webp', quality: 80, effort: 2, ...more };
}

export const PRESETS = [preset('large', 1600), preset('medium', 640), preset('thumb', 160)];

export function wish(more: Partial<Wish> = {}): Wish {
  return { presets: PRESETS, limits: LIMITS, damaged: 'render', gps: false, ...more };
}

/** One rendition as lossless pixels, beside what else the render told. */
export async function renderToPixels(bytes: Buffer, longSidePx: number, more: Partial<Wish> = {}) {
  const picture = await renderPicture(
    bytes,
    wish({ presets: [preset('only', longSidePx, { format: 'png' })], ...more }),
    async () => {},
  );
  const [file] = picture.files;
  if (file === undefined) throw new Error('no rendition was made');
  const { data, info } = await sharp(file.data).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [
    ...data.subarray((y * info.width + x) * info.channels, (y * info.width + x + 1) * info.channels),
  ];
  return { ...picture, file, width: info.width, height: info.height, channels: info.channels, at };
}

export async function headerOf(bytes: Buffer): Promise<Metadata> {
  return await sharp(bytes).metadata();
}

/** Red and green above, blue and white below: tells every orientation from every other. */
export async function quadrants(width: number, height: number): Promise<Buffer> {
  const half = { width: Math.ceil(width / 2), height: Math.ceil(height / 2), channels: 3 as const };
  const patch = async (background: string) =>
    await sharp({ create: { ...half, background } })
      .png()
      .toBuffer();
  return await sharp({ create: { width, height, channels: 3, background: '#c81e1e' } })
    .composite([
      { input: await patch('#1ea01e'), left: Math.floor(width / 2), top: 0 },
      { input: await patch('#1e1ec8'), left: 0, top: Math.floor(height / 2) },
      { input: await patch('#f0f0f0'), left: Math.floor(width / 2), top: Math.floor(height / 2) },
    ])
    .png()
    .toBuffer();
}

export interface Store extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
}

/** An HTTP server on 127.0.0.1 that answers every request with `answer`. */
export async function startStore(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Store> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export async function startStoreOf(bytes: Buffer): Promise<Store> {
  return await startStore((_, response) => response.setHeader('content-length', bytes.length).end(bytes));
}

export interface TestVolume extends AsyncDisposable {
  readonly path: string;
  readonly volumeId: string;
  readonly indexId: string;
}

/** In a folder of its own, or at the root of `path`. */
export async function makeVolume(path?: string): Promise<TestVolume> {
  const root = path ?? (await mkdtemp(join(tmpdir(), 'millrace-volume-')));
  const volume = { path: root, volumeId: randomUUID(), indexId: randomUUID() };
  const marker: VolumeMarker = { v: 1, volumeId: volume.volumeId, indexId: volume.indexId };
  await writeFile(join(root, MARKER_FILE), JSON.stringify(marker));
  return {
    ...volume,
    async [Symbol.asyncDispose]() {
      if (path === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

export function makeJob(
  store: Pick<Store, 'url'>,
  volume: Omit<TestVolume, typeof Symbol.asyncDispose>,
  sizeBytes: number,
  more: Partial<RenderJob> = {},
): RenderJob {
  return {
    ref: { store: 'main', bucket: 'photos', key: 'a b/ü.jpg' },
    version: {
      etag: 'e',
      versionId: null,
      modifiedAtS: 1_780_000_000,
      contentType: 'image/jpeg',
      userMetadataHash: '',
      sizeBytes,
    },
    setId: randomUUID(),
    indexId: volume.indexId,
    volume: { volumeId: volume.volumeId, tier: 'standard', path: volume.path },
    desired: { presets: PRESETS, tier: 'standard', fingerprint: '0123456789abcdef', gps: false },
    limits: LIMITS,
    damaged: 'render',
    quarantined: false,
    download: { url: `${store.url}/photos/x`, headers: { 'if-match': '"e"' } },
    ...more,
  };
}

export const NEVER: AbortSignal = new AbortController().signal;

export function startPool(more: Partial<RenderersOptions> = {}): RendererPool {
  return createRenderers({
    size: 2,
    othersPending: () => false,
    largePermit: async () => ({ [Symbol.asyncDispose]: async () => {} }),
    ...more,
  });
}

/** Takes a slot, renders, gives it back. */
export async function renderOnce(
  pool: RendererPool,
  job: RenderJob,
  signal: AbortSignal = NEVER,
  lane: 'live' | 'urgent' | 'bulk' = 'live',
): Promise<RenderResult> {
  const slot = await pool.takeSlot(lane, 20_000, NEVER);
  if (slot === null) throw new Error('no slot came free');
  try {
    return await slot.render(job, signal);
  } finally {
    slot.release();
  }
}
