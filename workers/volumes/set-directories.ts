// The set directories of one real volume: listed as a stream, removed so that a crash leaves nothing half. Each call proves the volume first (I7).
import type { Stats } from 'node:fs';
import { lstat, opendir, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FACTS_FILE, isSetId, setDirectory } from '../model/rendition-set.ts';
import { MARKER_FILE } from '../model/volume.ts';
import { AppError, codeOf } from '../platform/errors.ts';
import { type MountIdentity, proveVolume } from './marker.ts';
import { PROBE_FILE } from './probe.ts';
import { syncDirectory } from './sync-directory.ts';

export interface SetDirectoriesDeps {
  /** The host's clock, which is also the one that stamps the files. */
  readonly now: () => number;
  /** Something below the root that is none of ours; left alone. */
  readonly onStranger?: (path: string) => void;
}

interface FoundSetDirectory {
  readonly setId: string;
  readonly ageMs: number;
  readonly complete: boolean;
}

/**
 * Bound to one mount: once the root has become another directory or file system every method rejects with `WRONG_VOLUME`, also where the new one
 * bears the same marker; whoever noticed the new mount makes a new handle. Other rejections of both methods: `WRONG_INDEX`, `NO_MARKER`,
 * `PROBE_FAILED`.
 */
export function createSetDirectories(
  root: string,
  expected: { readonly volumeId: string; readonly indexId: string },
  { now, onStranger = () => undefined }: SetDirectoriesDeps,
) {
  let known: MountIdentity | null = null;

  async function assertProven(): Promise<void> {
    const proof = await proveVolume(root, expected);
    if (proof.kind === 'unproven') throw new AppError(proof.reason, proof.message);
    known ??= proof.mount;
    if (known.device !== proof.mount.device || known.inode !== proof.mount.inode) {
      throw new AppError('WRONG_VOLUME', `${root} is mounted anew`);
    }
  }

  /** Order is the file system's. What appears or goes while the listing runs may be missing in it or not. */
  async function* list(): AsyncGenerator<FoundSetDirectory, void, undefined> {
    await assertProven();
    for await (const outer of entries(root)) {
      if (outer.name === MARKER_FILE || outer.name === PROBE_FILE || outer.name === 'lost+found') continue;
      if (!isShard(outer)) {
        onStranger(join(root, outer.name));
        continue;
      }
      for await (const inner of entries(join(root, outer.name))) {
        if (!isShard(inner)) {
          onStranger(join(root, outer.name, inner.name));
          continue;
        }
        for await (const leaf of entries(join(root, outer.name, inner.name))) {
          const path = join(root, outer.name, inner.name, leaf.name);
          const ours = leaf.isDirectory() && isSetId(leaf.name) && path === join(root, setDirectory(leaf.name));
          if (!ours) onStranger(path);
          else {
            const found = await inspect(path, now);
            if (found !== null) yield { setId: leaf.name, ...found };
          }
        }
      }
    }
    await assertProven(); // a volume that went away in the midst looks like one with few sets
  }

  /** Gone, durably, when it resolves. Rejects with `SET_NOT_REMOVED` where the file system refuses this one directory. */
  async function remove(setId: string): Promise<void> {
    if (!isSetId(setId)) throw new AppError('SET_NOT_REMOVED', `${setId} is no set id`, { disposition: 'refuse' });
    await assertProven();
    const path = join(root, setDirectory(setId));
    try {
      // facts.json first: a removal that is cut short must not leave a directory that looks whole.
      if (await isDirectory(path)) await absentIsFine(unlink(join(path, FACTS_FILE)));
      await rm(path, { recursive: true, force: true, maxRetries: 2 });
      // Empty parents stay: a renderer may just have made one its own, and there are at most 65,536.
      await absentIsFine(syncDirectory(dirname(path)));
    } catch (error) {
      throw new AppError('SET_NOT_REMOVED', `${path} could not be removed`, {
        cause: error,
        details: { cause: codeOf(error) },
      });
    }
  }

  return { list, remove };
}

/** Null: it went away meanwhile. Change times, not modification times: those can be set by whoever copies files about. */
async function inspect(path: string, now: () => number): Promise<{ ageMs: number; complete: boolean } | null> {
  try {
    const changed = [(await stat(path)).ctimeMs];
    const facts = await statOrNull(join(path, FACTS_FILE));
    if (facts !== null)
      changed.push(facts.ctimeMs); // written last, so the others are no newer
    else for await (const file of entries(path)) changed.push((await statOrNull(join(path, file.name)))?.ctimeMs ?? 0);
    return { ageMs: Math.max(0, now() - Math.max(...changed)), complete: facts !== null };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** A directory that is not there has no entries. */
async function* entries(path: string) {
  try {
    yield* await opendir(path, { bufferSize: 256 });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function isShard(entry: { name: string; isDirectory(): boolean }): boolean {
  return entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name);
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await statOrNull(path))?.isDirectory() ?? false;
}

async function absentIsFine(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
