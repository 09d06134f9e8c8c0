// One server or role as a child process: its log, its pid file, when it is ready, and how it ends.
import { spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, codeOf } from '../platform/errors.ts';
import { earlyExit } from './early-exit.ts';
import { folderError } from './folder.ts';
import { recordOf, removePidFile, writePidFile } from './pid-file.ts';
import { childrenOf, isPaused, processIdentity } from './process-identity.ts';

export interface ChildOptions {
  /** Names the log and the pid file: unique in its data folder. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing of ours is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** The data folder: `logs/<name>.log` and `run/<name>.pid` are written below it. */
  readonly folder: string;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Asked every few milliseconds until it says yes. */
  readonly isReady: (pid: number) => boolean | Promise<boolean>;
  readonly readyTimeoutMs?: number;
  readonly stopSignal?: NodeJS.Signals;
  /** How long the child may take to stop before it is killed. */
  readonly stopTimeoutMs?: number;
  /** Named in PORT_IN_USE. */
  readonly port?: number;
  /** Its own children are paused, resumed and killed with it. */
  readonly withDescendants?: boolean;
  /** Aborted before the child is ready: it is killed, and startChild rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True where we asked for it. */
  readonly wanted: boolean;
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly isRunning: boolean;
  readonly logFile: string;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Its stop signal (or the given one), then SIGKILL after the deadline; resolves when the process is gone. Safe to call twice. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** As a crash would: SIGKILL, nothing is flushed. Resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGSTOP: alive, its ports open, answering nothing from the moment this returns. */
  pause(): void;
  resume(): void;
}

const READY_POLL_MS = 10;
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Spawns the child and resolves when it is ready. It is the leader of its own process group: Ctrl-C in a terminal reaches only its parent, which stops its children in order.
 * Errors: CHILD_EXITED (with the last lines of its log), PORT_IN_USE, DISK_FULL, DATA_DIR_UNUSABLE, CHILD_NOT_READY. After an error nothing is left running.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  options.signal?.throwIfAborted();
  const logFile = join(options.folder, 'logs', `${options.name}.log`);
  const pidFile = pidFileOf(options.folder, options.name);
  const log = await openLog(logFile);
  const logStart = statSync(logFile).size;
  const spawned = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);

  let wanted = false;
  let spawnError: unknown;
  const exited = new Promise<ChildExit>((resolve) => {
    spawned.once('exit', (code, signal) => resolve({ code, signal, wanted }));
    spawned.once('error', (error) => {
      spawnError = error;
      resolve({ code: null, signal: null, wanted });
    });
  });
  let isGone = false;
  const gone = (async () => {
    await exited;
    isGone = true;
    removePidFile(pidFile);
  })();

  const { pid } = spawned;
  if (pid === undefined) {
    await gone;
    throw new AppError('CHILD_EXITED', `${options.name}: ${options.command} cannot be run`, {
      disposition: 'fatal',
      cause: spawnError,
    });
  }

  const signalAll = (signal: NodeJS.Signals): number[] => {
    if (isGone) return [];
    // The parent first: stopped, it starts no further children while the others are being signalled.
    if (options.withDescendants) spawned.kill('SIGSTOP');
    const others = options.withDescendants ? childrenOf(pid) : [];
    for (const other of others) signalPid(other, signal);
    spawned.kill(signal);
    return others;
  };

  const child: Child = {
    pid,
    get isRunning() {
      return !isGone;
    },
    logFile,
    exited,
    stop: async (signal = options.stopSignal ?? 'SIGTERM') => {
      wanted = true;
      if (isGone) return;
      spawned.kill(signal);
      signalAll('SIGCONT'); // a paused process would not see the signal
      using timer = after(options.stopTimeoutMs ?? 10_000, () => signalAll('SIGKILL'));
      await gone;
      timer.cancel();
    },
    kill9: async () => {
      wanted = true;
      const others = signalAll('SIGKILL');
      await gone;
      while (others.some((other) => processIdentity(other) !== undefined)) await delay(READY_POLL_MS);
    },
    pause: () => {
      const others = signalAll('SIGSTOP');
      for (const paused of [pid, ...others]) waitUntil(() => isGone || isPaused(paused));
    },
    resume: () => void signalAll('SIGCONT'),
    [Symbol.asyncDispose]: () => child.stop(),
  };

  try {
    const record = recordOf(pid, `${options.command} ${options.args.join(' ')}`);
    if (record !== undefined) writePidFile(pidFile, record);
    const deadline = performance.now() + (options.readyTimeoutMs ?? 60_000);
    while (!(await options.isReady(pid))) {
      options.signal?.throwIfAborted();
      if (isGone) throw await earlyExit(options, await exited, logFile, logStart);
      if (performance.now() > deadline) {
        throw new AppError('CHILD_NOT_READY', `${options.name} did not become ready; its log is ${logFile}`, {
          disposition: 'fatal',
        });
      }
      await Promise.race([delay(READY_POLL_MS), gone]);
    }
    return child;
  } catch (error) {
    await child.kill9();
    throw error;
  }
}

export function pidFileOf(folder: string, name: string): string {
  return join(folder, 'run', `${name}.pid`);
}

/** Appends; a log that has grown too long is moved aside once, so that two of them bound the disk used. */
async function openLog(path: string): Promise<number> {
  try {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(path, `${path}.1`);
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw folderError(error, path);
  }
}

/** Blocks this thread: the signal takes effect within a millisecond or so, and nothing of ours should come between. */
function waitUntil(condition: () => boolean): void {
  const deadline = performance.now() + 2_000;
  while (!condition() && performance.now() < deadline) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error; // it ended meanwhile
  }
}

function after(ms: number, act: () => void): Disposable & { cancel(): void } {
  const timer = setTimeout(act, ms);
  const cancel = () => clearTimeout(timer);
  return { cancel, [Symbol.dispose]: cancel };
}
