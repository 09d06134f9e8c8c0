// The pictures the benchmarks run on: photo-like, of the sizes, orientations, profiles and formats that come in; the same for the same seed.
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createRandom, type Random } from '../../workers/imaging/paint.ts';
import type { SampleSpec } from '../../workers/imaging/sample-picture.ts';
import { codeOf } from '../../workers/platform/errors.ts';

export interface CorpusOptions {
  readonly count: number;
  readonly seed: number;
  /** Threads that paint. */
  readonly concurrency?: number;
}

export interface CorpusPicture extends SampleSpec {
  /** Name in the directory. */
  readonly file: string;
  readonly contentType: string;
  readonly bytes: number;
}

/** Raised when the same seed makes other pictures. */
const VERSION = 2;
const MANIFEST = 'corpus.json';

/** About a third are 12 MP: the shrink ratio between 2 and 3 that decoders cannot shorten. */
const MEGAPIXELS = [0.5, 1, 2, 3, 5, 8, 12, 12, 12, 12, 16, 24];

/** Makes the pictures, or finds them there from a run with the same options. */
export async function makeCorpus(directory: string, options: CorpusOptions): Promise<readonly CorpusPicture[]> {
  const { count, seed, concurrency = availableParallelism() } = options;
  const name = JSON.stringify({ version: VERSION, count, seed });
  const known = await readManifest(directory);
  if (known?.name === name) return known.pictures;

  await mkdir(directory, { recursive: true });
  const specs = planCorpus(count, seed);
  const pictures: CorpusPicture[] = [];
  let next = 0;
  const paintNext = async () => {
    const worker = new Worker(new URL('./corpus-worker.ts', import.meta.url));
    while (next < specs.length) {
      const at = next;
      next += 1;
      worker.postMessage({ directory, name: String(at).padStart(4, '0'), spec: specs[at] }, []);
      const [picture] = (await once(worker, 'message')) as [CorpusPicture];
      pictures[at] = picture;
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, paintNext));
  await writeFile(join(directory, MANIFEST), JSON.stringify({ name, pictures }, null, 1));
  return pictures;
}

export interface BenchPicture {
  readonly path: string;
  readonly name: string;
  readonly contentType: string;
  /** What was painted; absent for files that were there. */
  readonly painted?: CorpusPicture;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

/** The pictures in the directory, by name; where it is empty, or has none yet, `count` are painted there. */
export async function openCorpus(directory: string, options: CorpusOptions): Promise<readonly BenchPicture[]> {
  await mkdir(directory, { recursive: true });
  const known = await readManifest(directory);
  const found = known === undefined ? await picturesIn(directory) : [];
  if (found.length > 0) return found;
  // A longer corpus of the same seed begins with the shorter one, so that it is used as it is.
  const pictures =
    known !== undefined && known.pictures.length >= options.count
      ? known.pictures
      : await makeCorpus(directory, options);
  return pictures.map((painted) => ({
    path: join(directory, painted.file),
    name: painted.file,
    contentType: painted.contentType,
    painted,
  }));
}

async function picturesIn(directory: string): Promise<BenchPicture[]> {
  const names = (await readdir(directory)).sort();
  return names.flatMap((name) => {
    const contentType = CONTENT_TYPES[extname(name).toLowerCase()];
    return contentType === undefined ? [] : [{ path: join(directory, name), name, contentType }];
  });
}

/** What the pictures are, in lines for people. */
export function composition(pictures: readonly BenchPicture[]): readonly string[] {
  const painted = pictures.flatMap((picture) => picture.painted ?? []);
  if (painted.length === 0) return [`corpus      ${pictures.length} pictures that were there`];
  const counted = (name: (picture: CorpusPicture) => string | number) => {
    const counts = new Map<string | number, number>();
    for (const picture of painted) counts.set(name(picture), (counts.get(name(picture)) ?? 0) + 1);
    const order = [...counts].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    return order.map(([what, count]) => `${count} × ${what}`).join(', ');
  };
  const sum = (of: (picture: CorpusPicture) => number) => painted.reduce((total, picture) => total + of(picture), 0);
  const turned = painted.filter(({ orientation }) => orientation > 1).length;
  return [
    `corpus      ${painted.length} pictures: ${counted(({ kind }) => kind)}; ${counted(({ profile }) => profile)}; ${turned} turned by EXIF`,
    `            mean ${(sum(({ megapixels }) => megapixels) / painted.length).toFixed(1)} MP and ${(sum(({ bytes }) => bytes) / painted.length / 1e6).toFixed(1)} MB; MP: ${counted(({ megapixels }) => megapixels)}`,
  ];
}

/** Pure. Of each 20 pictures: 11 plain JPEG, 4 Display P3, 2 progressive, 1 PNG with alpha, 2 WebP. */
export function planCorpus(count: number, seed: number): readonly SampleSpec[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, at) => {
    const kind = kindOf(at % 20);
    const megapixels = pick(random, kind === 'png-alpha' ? [0.5, 1, 2] : MEGAPIXELS);
    const isP3 = [2, 7, 12, 17].includes(at % 20);
    const turned = random() < 0.6 ? 1 : 1 + Math.floor(random() * 8);
    const orientation = kind === 'png-alpha' ? 1 : turned;
    return { megapixels, kind, profile: isP3 ? 'p3' : 'srgb', orientation, seed: seed * 100_003 + at };
  });
}

function kindOf(slot: number): SampleSpec['kind'] {
  if (slot === 4 || slot === 14) return 'progressive-jpeg';
  if (slot === 9) return 'png-alpha';
  return slot === 6 || slot === 16 ? 'webp' : 'jpeg';
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

async function readManifest(
  directory: string,
): Promise<{ name: string; pictures: readonly CorpusPicture[] } | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, MANIFEST), 'utf8')) as {
      name: string;
      pictures: readonly CorpusPicture[];
    };
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
