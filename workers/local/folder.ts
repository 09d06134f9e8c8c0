// Folders and small files of the data folder: private to their owner, and with errors that name the remedy.
import { chmod, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError, codeOf } from '../platform/errors.ts';

/** Makes the folder and its parents, mode 0700. Errors: DISK_FULL, DATA_DIR_UNUSABLE. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw folderError(error, path);
  }
}

/** Writes the whole file or nothing, mode 0600: readers never meet half of it. Errors: DISK_FULL, DATA_DIR_UNUSABLE. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  await makePrivateFolder(dirname(path));
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(beside, 0o600); // an older file of this name keeps its mode through open()
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw folderError(error, path);
  }
}

/** Removes whatever begins with this path: what was being made beside something when its maker was killed. */
export async function removeAllNamed(prefix: string): Promise<void> {
  const folder = dirname(prefix);
  for (const name of await readdir(folder)) {
    // Retries: a program of the killed maker may live on for a moment and still write there.
    if (name.startsWith(basename(prefix)))
      await rm(join(folder, name), { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Turns what the file system said about a path of the data folder into a coded error; anything else is returned as it is. */
export function folderError(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(path, error);
  if (['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST'].includes(code)) return unusable(path, error);
  return error;
}

export function diskFull(path: string, cause?: unknown): AppError {
  return new AppError('DISK_FULL', `no space left on the file system of ${path}`, {
    disposition: 'fatal',
    cause,
    remedy: 'Free some space there, or choose another folder with --data DIR.',
  });
}

export function unusable(path: string, cause?: unknown): AppError {
  return new AppError('DATA_DIR_UNUSABLE', `${path} cannot be written`, {
    disposition: 'fatal',
    cause,
    remedy: 'Make the folder writable for this user, or choose another one with --data DIR.',
  });
}
