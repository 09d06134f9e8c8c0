// Finds the server programs of the local stack: on the PATH, in the user's cache folder, or built there once.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from '../platform/errors.ts';
import { withLock } from './file-lock.ts';
import { makePrivateFolder, removeAllNamed } from './folder.ts';
import { type GoPackage, goInstall, isOlder } from './go-install.ts';

interface Program extends GoPackage {
  /** Whether one found on the PATH will do. */
  readonly isGoodEnough: (path: string) => Promise<boolean>;
}

const PROGRAMS = {
  minio: {
    path: 'github.com/minio/minio',
    version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
    goVersion: '1.24',
    // A MinIO built from source does not know its version, so none can be asked for.
    isGoodEnough: async (path) => (await outputOf(path, ['--help'])) !== undefined,
  },
  'nats-server': {
    path: 'github.com/nats-io/nats-server/v2',
    version: 'v2.15.2',
    goVersion: '1.26',
    // 2.14.6 is the first without the eight CVEs of 2026.
    isGoodEnough: async (path) => {
      const version = /v(\d+\.\d+\.\d+)/.exec((await outputOf(path, ['--version'])) ?? '')?.[1];
      return version !== undefined && !isOlder(version, '2.14.6');
    },
  },
} satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;

export interface FindOptions {
  readonly onProgress?: (text: string) => void;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends a build that is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** The path of the program. A build takes a minute or two, once for a user and version. Errors: GO_MISSING, BUILD_FAILED, DISK_FULL, DATA_DIR_UNUSABLE. */
export async function findBinary(
  name: ProgramName,
  { onProgress = () => {}, env = process.env, signal }: FindOptions = {},
): Promise<string> {
  const program: Program = PROGRAMS[name];
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, file);
    if ((await isExecutable(path)) && (await program.isGoodEnough(path))) return path;
  }

  const cache = join(cacheFolder(env), 'bin');
  const cached = join(cache, `${name}-${program.version}`);
  if (await isExecutable(cached)) return cached;
  await makePrivateFolder(cache);
  const build = async () => {
    if (await isExecutable(cached)) return;
    await removeAllNamed(`${cached}.building-`); // of builds that were killed
    const gobin = await mkdtemp(`${cached}.building-`);
    try {
      await goInstall(program, gobin, onProgress, { env, signal });
      await rename(join(gobin, file), cached);
    } finally {
      await rm(gobin, { recursive: true, force: true });
    }
  };
  await withLock(`${cached}.lock`, build, ({ pid }) =>
    onProgress(`waiting for process ${pid}, which is building ${name}`),
  );
  return cached;
}

/** `<user's cache folder>/millrace`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const home = env.HOME ?? homedir();
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'millrace');
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'millrace');
  if (process.platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'millrace');
  return join(home, '.cache', 'millrace');
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** undefined where it cannot be run or ends with an error: then it is simply not the one to use. */
async function outputOf(path: string, args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, args, { timeout: 10_000 });
    return stdout;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
