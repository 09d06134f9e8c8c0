// Makes the folder of a PostgreSQL server: roles, password and one empty database, before the server first runs.
import { type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../platform/errors.ts';
import { childEnv } from './child-env.ts';
import { diskFull, folderError, makePrivateFolder, removeAllNamed } from './folder.ts';
import type { PostgresPrograms } from './postgres-binaries.ts';

export interface ClusterOptions {
  readonly programs: PostgresPrograms;
  readonly user: string;
  /** Letters and digits: it stands in a URL and in SQL. */
  readonly password: string;
  readonly database: string;
  /** A cluster with the same user, password and database: copied, which is a second quicker than making one. */
  readonly template?: string;
  /** For clusters that nobody will miss after a power failure. */
  readonly noSync?: boolean;
}

export function isCluster(path: string): boolean {
  return existsSync(join(path, 'PG_VERSION'));
}

/**
 * Makes the cluster beside and renames it: one that was killed half-way leaves nothing that looks like a cluster.
 * Errors: POSTGRES_INIT_FAILED, DISK_FULL, DATA_DIR_UNUSABLE.
 */
export async function initialiseCluster(options: ClusterOptions, cluster: string): Promise<void> {
  const beside = await makeFolderBeside(cluster, options.programs);
  try {
    // cp keeps the owner of the files, which fs.cp does not.
    if (options.template === undefined) await fill(options, beside);
    else await runToEnd('cp', ['-a', `${options.template}/.`, beside], { cwd: beside, env: childEnv({}) }, '');
    await rename(beside, cluster);
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw error;
  }
}

async function makeFolderBeside(cluster: string, { account }: PostgresPrograms): Promise<string> {
  const prefix = `${cluster}.new-`;
  try {
    await makePrivateFolder(dirname(cluster));
    await removeAllNamed(prefix);
    const path = await mkdtemp(prefix);
    if (account !== undefined) await chown(path, account.uid, account.gid);
    return path;
  } catch (error) {
    throw folderError(error, dirname(cluster));
  }
}

async function fill(
  { programs, user, password, database, noSync = false }: ClusterOptions,
  path: string,
): Promise<void> {
  const at = insideCluster(programs, path);
  const flags = [
    '--auth-local=reject',
    '--auth-host=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
  ];
  if (noSync) flags.push('--no-sync');
  await runToEnd(programs.initdb, ['-D', at.dataDir, '-U', user, ...flags], at.spawnOptions, '');
  // In single-user mode a line is a statement: so no password is ever in a file or an argument.
  const sql = [`ALTER ROLE "${user}" PASSWORD '${password}'`, `CREATE DATABASE "${database}"`];
  await runToEnd(programs.postgres, ['--single', '-D', at.dataDir, 'postgres'], at.spawnOptions, `${sql.join('\n')}\n`);
}

/**
 * How PostgreSQL's programs are run on a cluster, and what they are given as its folder. As root they run under another account, to which folders
 * above the cluster may be closed (/root, a mkdtemp): they are started inside it, and name it by a link that needs no way from the top.
 */
export function insideCluster({ account }: PostgresPrograms, cluster: string) {
  return {
    dataDir: account !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : cluster,
    spawnOptions: {
      cwd: cluster,
      env: childEnv({ LC_ALL: 'C' }),
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    },
  };
}

function runToEnd(command: string, args: string[], options: SpawnOptionsWithoutStdio, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: 'pipe' });
    let said = '';
    const read = (data: string) => (said = `${said}${data}`.slice(-4000));
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read);
    child.once('error', (cause) => reject(initFailed(`${command} cannot be run`, cause)));
    child.once('close', (code) => {
      // In single-user mode a statement may fail and the program end well.
      if (code === 0 && !/^.*\b(ERROR|FATAL|PANIC):/m.test(said)) resolve();
      else if (said.includes('No space left on device')) reject(diskFull(String(options.cwd), initFailed(said.trim())));
      else reject(initFailed(`${command} ended with code ${code}: ${said.trim()}`));
    });
    child.stdin.on('error', () => {}); // it ended before it read: its exit code tells
    child.stdin.end(input);
  });
}

function initFailed(message: string, cause?: unknown): AppError {
  return new AppError('POSTGRES_INIT_FAILED', message, { disposition: 'fatal', cause });
}
