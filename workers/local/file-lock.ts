// A lock that is a file naming its holder, so that a killed holder keeps nobody out.
import { randomUUID } from 'node:crypto';
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '../platform/errors.ts';
import { folderError } from './folder.ts';
import { isRunning, type PidRecord, readPidFile, recordOf } from './pid-file.ts';

export type FileLock = Disposable;

/** The lock, or the record of the living process that holds it. Its folder is made where it is missing. */
export async function tryLock(path: string): Promise<FileLock | PidRecord> {
  await makeFolderOf(path);
  for (;;) {
    if (create(path)) return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    const holder = readPidFile(path);
    if (holder !== undefined && isRunning(holder)) return holder;
    clearStale(path, holder);
  }
}

/** Waits until the lock is ours, and holds it while `act` runs; `onWait` is told once whom we wait for. */
export async function withLock<T>(
  path: string,
  act: () => Promise<T>,
  onWait: (holder: PidRecord) => void = () => {},
): Promise<T> {
  for (let told = false; ; told = true) {
    const taken = await tryLock(path);
    if (isRecord(taken)) {
      if (!told) onWait(taken);
      await delay(100);
      continue;
    }
    try {
      return await act();
    } finally {
      taken[Symbol.dispose]();
    }
  }
}

export function isRecord(taken: FileLock | PidRecord): taken is PidRecord {
  return 'pid' in taken;
}

/** Written elsewhere first and then linked: the file is there with its whole content, or not at all. */
function create(path: string): boolean {
  const own = recordOf(process.pid, process.argv.join(' '));
  const beside = `${path}.${randomUUID()}`;
  try {
    writeFileSync(beside, `${JSON.stringify(own)}\n`, { mode: 0o600 });
    linkSync(beside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw folderError(error, path);
  } finally {
    rmSync(beside, { force: true });
  }
}

/**
 * Two may find the same stale lock: each moves away what is there, and puts back what turns out to be somebody's fresh one.
 * A third that comes in that instant gets it too; the ports of a stack and the rename at the end of a build then still keep them apart.
 */
function clearStale(path: string, seen: PidRecord | undefined): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    const moved = readPidFile(aside);
    if (moved?.pid !== seen?.pid || moved?.startedAt !== seen?.startedAt) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error))) throw folderError(error, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

async function makeFolderOf(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw folderError(error, path);
  }
}
