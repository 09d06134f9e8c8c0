// A provisioned volume in a temporary directory, and real small file systems for tests that need a full, read-only or vanishing one.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setDirectory } from '../../../workers/model/rendition-set.ts';
import { provisionVolume } from '../../../workers/volumes/provision.ts';

const run = promisify(execFile);

export interface RealVolume {
  readonly path: string;
  readonly volumeId: string;
  readonly indexId: string;
  /** Writes the set's directory; gives its path. */
  make(setId: string, files: readonly string[], content?: string | Buffer): Promise<string>;
}

export async function realVolume(path: string, indexId: string = randomUUID(), tier = 'default'): Promise<RealVolume> {
  const { volumeId } = await provisionVolume({ path, tier }, indexId);
  return {
    path,
    volumeId,
    indexId,
    async make(setId, files, content = 'x') {
      const directory = join(path, setDirectory(setId));
      await mkdir(directory, { recursive: true });
      for (const file of files) await writeFile(join(directory, file), content);
      return directory;
    },
  };
}

/** Why tests that mount cannot run here; false: they can. */
export const cannotMount: string | false =
  process.platform === 'linux' && process.getuid?.() === 0
    ? false
    : 'SKIPPED: needs root on Linux to mount file systems';

export interface Mounted extends AsyncDisposable {
  remount(options: string): Promise<void>;
  umount(): Promise<void>;
}

/** A tmpfs of its own on `path`, with what `options` say: `size=1m`, `nr_inodes=64`. */
export async function mountTmpfs(path: string, options: string): Promise<Mounted> {
  await mkdir(path, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', options, 'millrace-test', path]);
  let mounted = true;
  const umount = async (): Promise<void> => {
    if (mounted) await run('umount', ['--lazy', path]);
    mounted = false;
  };
  return {
    remount: async (changed) => void (await run('mount', ['-o', `remount,${changed}`, path])),
    umount,
    [Symbol.asyncDispose]: umount,
  };
}
