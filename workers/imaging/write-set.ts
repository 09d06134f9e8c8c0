// Writes one set straight into its own directory on the volume; what it returns is on disk, to the last parent directory.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RenderJob } from '../model/render.ts';
import { FACTS_FILE, setDirectory, type Rendition, type SetFacts } from '../model/rendition-set.ts';
import { MARKER_FILE, type VolumeMarker } from '../model/volume.ts';
import { AppError, codeOf } from '../platform/errors.ts';
import type { RenderedPicture } from './picture.ts';

export interface WriteSetHooks {
  /** Awaited after each file is on disk; `facts.json` is the last. Fault tests stop the process here. */
  readonly written?: (file: string) => Promise<void> | void;
}

/**
 * Nothing is written before the marker has named this volume and this index (I7). Errors: AppError WRONG_VOLUME, WRONG_INDEX, NO_MARKER,
 * or with the code of the file system (ENOSPC, EROFS, EIO, EDQUOT, …).
 */
export async function writeSet(
  job: RenderJob,
  picture: RenderedPicture,
  hooks: WriteSetHooks = {},
): Promise<readonly Rendition[]> {
  try {
    return await write(job, picture, hooks);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error; // ours, or a fault of ours
    throw new AppError(codeOf(error), `The volume did not take the set: ${codeOf(error)}`, { cause: error });
  }
}

async function write(job: RenderJob, picture: RenderedPicture, hooks: WriteSetHooks): Promise<readonly Rendition[]> {
  const root = job.volume.path;
  const device = await proveVolume(job);
  const directory = await makeDirectories(root, setDirectory(job.setId));

  const renditions = await allDone(
    picture.files.map(async ({ data, ...file }) => {
      await writeDurably(join(directory, file.file), data);
      await hooks.written?.(file.file);
      return { ...file, bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') };
    }),
  );

  const { ref, version, setId, indexId, desired } = job;
  const { metadata, damaged } = picture;
  const facts: SetFacts = {
    v: 1,
    setId,
    indexId,
    ref,
    version,
    fingerprint: desired.fingerprint,
    damaged,
    metadata,
    renditions,
  };
  await writeDurably(join(directory, FACTS_FILE), `${JSON.stringify(facts)}\n`);
  await hooks.written?.(FACTS_FILE);

  // All four, whether we made them or not: the one who made a parent a moment ago may not have synced it yet.
  await Promise.all(upTo(root, directory).map((path) => syncDirectory(path, device)));
  return renditions;
}

/** Resolves with the marker's device: what is written must end up there, also when the volume is unmounted meanwhile. */
async function proveVolume({ volume, indexId }: RenderJob): Promise<number> {
  const path = join(volume.path, MARKER_FILE);
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new AppError('NO_MARKER', 'The volume bears no marker: it is not mounted, or was never provisioned.', {
      cause: error,
    });
  }
  await using _ = handle;
  const marker = parseMarker(await handle.readFile('utf8'));
  if (marker?.volumeId !== volume.volumeId) {
    throw new AppError('WRONG_VOLUME', `The marker names another volume than ${volume.volumeId}.`);
  }
  if (marker.indexId !== indexId)
    throw new AppError('WRONG_INDEX', 'The marker names another index than the one in use.');
  return (await handle.stat()).dev;
}

function parseMarker(text: string): VolumeMarker | undefined {
  try {
    const marker: Partial<VolumeMarker> | null = JSON.parse(text);
    return marker?.v === 1 && marker.volumeId !== undefined && marker.indexId !== undefined
      ? (marker as VolumeMarker)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // half a marker names no volume
    throw error;
  }
}

/** Only the set's own directory must be new; a keeper may remove an empty parent between two of the steps, so they are taken again. */
async function makeDirectories(root: string, relative: string): Promise<string> {
  const [ab = '', cd = '', id = ''] = relative.split('/');
  for (let tries = 1; ; tries += 1) {
    try {
      await mkdirIfMissing(join(root, ab));
      await mkdirIfMissing(join(root, ab, cd));
      const directory = join(root, ab, cd, id);
      await mkdir(directory);
      return directory;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries === 5) throw error;
    }
  }
}

async function mkdirIfMissing(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

async function writeDurably(path: string, data: Buffer | string): Promise<void> {
  await using handle = await open(path, 'wx');
  await handle.writeFile(data);
  await handle.sync();
}

async function syncDirectory(path: string, device: number): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if ((await handle.stat()).dev !== device)
    throw new AppError('WRONG_VOLUME', 'Another file system was mounted while the set was written.');
  await handle.sync();
}

/** As Promise.all, but nothing is still being written when it rejects. */
async function allDone<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

/** `directory` and its parents up to `root`. */
function upTo(root: string, directory: string): string[] {
  const paths: string[] = [];
  for (let path = directory; path !== root; path = dirname(path)) paths.push(path);
  return [...paths, root];
}
