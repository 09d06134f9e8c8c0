// Builds one server with `go install` at a pinned version, whatever the user's own Go settings are.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { AppError, codeOf } from '../platform/errors.ts';

export interface GoPackage {
  readonly path: string;
  readonly version: string;
  /** What its go.mod asks for: an older compiler fetches that one by itself. */
  readonly goVersion: string;
}

export interface GoOptions {
  /** The caller's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the build. */
  readonly signal?: AbortSignal | undefined;
}

const OLDEST_GO = '1.24';

const PROGRESS_EVERY_MS = 5_000;

/** Builds into the folder `gobin`. Errors: GO_MISSING, BUILD_FAILED. */
export async function goInstall(
  { path, version, goVersion }: GoPackage,
  gobin: string,
  onProgress: (text: string) => void,
  { env = process.env, signal }: GoOptions = {},
): Promise<void> {
  const present = await goVersionOf(env);
  if (present === undefined || isOlder(present, OLDEST_GO)) throw goMissing(path, present);
  const startedMs = performance.now();
  let packages = 0;
  const tell = () => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    onProgress(`building ${path}: ${seconds} s, ${packages} packages`);
  };
  onProgress(`building ${path}@${version} with go ${present}: once, a minute or two`);
  const timer = setInterval(tell, PROGRESS_EVERY_MS);
  try {
    await runGo(
      ['install', '-v', `${path}@${version}`],
      { env: buildEnv(gobin, isOlder(present, goVersion), env), signal },
      (line) => {
        if (!line.startsWith('go: ')) packages++;
      },
    );
  } finally {
    clearInterval(timer);
  }
  tell();
}

/**
 * Set to a value, not to nothing: for an empty variable go reads what `go env -w` has stored.
 * GOPROXY, GOPRIVATE and their like stay as they are: they say how this machine reaches the modules.
 */
function buildEnv(gobin: string, needsNewerGo: boolean, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...env,
    GOBIN: gobin,
    GOFLAGS: '-mod=mod',
    GO111MODULE: 'on',
    GOWORK: 'off',
    GOOS: process.platform === 'win32' ? 'windows' : process.platform,
    GOARCH: process.arch === 'x64' ? 'amd64' : process.arch,
    CGO_ENABLED: '0', // no C compiler needed
    GOTOOLCHAIN: needsNewerGo ? 'auto' : 'local',
  };
}

/** `1.26.8`, or undefined where there is no go to run. */
async function goVersionOf(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  let output = '';
  try {
    // The installed one is asked for: with `auto` it could be another.
    await runGo(
      ['env', 'GOVERSION'],
      { env: { ...env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOWORK: 'off' } },
      (line) => (output += line),
    );
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(codeOf(error))) return undefined;
    throw error;
  }
  return /go(\d+\.\d+(\.\d+)?)/.exec(output)?.[1];
}

/** Compares dotted numbers. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function goMissing(path: string, present: string | undefined): AppError {
  const name = path.split('/').findLast((part) => !/^v\d+$/.test(part));
  const why = present === undefined ? 'there is no Go to build it with' : `Go ${present} is too old to build it`;
  return new AppError('GO_MISSING', `${name} is not on the PATH and ${why}`, {
    disposition: 'fatal',
    remedy: `Install Go ${OLDEST_GO} or newer, or use Docker instead: docker compose up.`,
  });
}

function runGo(args: string[], options: GoOptions, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Elsewhere than here: a go.mod in the current folder would have a say in the choice of the compiler.
    const child = spawn('go', args, { ...options, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let rest = '';
    const read = (data: string) => {
      said = `${said}${data}`.slice(-4000);
      const lines = `${rest}${data}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(buildFailed(args, said));
    });
  });
}

function buildFailed(args: string[], said: string): AppError {
  const full = said.includes('no space left on device');
  return new AppError('BUILD_FAILED', `go ${args.join(' ')} failed:\n${said.trim()}`, {
    disposition: 'fatal',
    remedy: full
      ? 'Free about 3 GB on the disks of the Go build cache and the temporary folder.'
      : 'Check that this machine reaches the Go module proxy (go env GOPROXY), or use Docker instead: docker compose up.',
  });
}
