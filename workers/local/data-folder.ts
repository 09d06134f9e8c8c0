// One stack at a time owns a data folder; what a killed one left running is stopped before the next one starts.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, codeOf } from '../platform/errors.ts';
import { type FileLock, isRecord, tryLock } from './file-lock.ts';
import { makePrivateFolder } from './folder.ts';
import { isRunning, type PidRecord, readPidFile, removePidFile } from './pid-file.ts';

/** Makes the folder where it is missing, and owns it until disposed. Errors: STACK_RUNNING, DISK_FULL, DATA_DIR_UNUSABLE. */
export async function ownDataFolder(folder: string): Promise<FileLock> {
  await makePrivateFolder(folder);
  const taken = await tryLock(join(folder, 'run', 'stack.lock'));
  if (!isRecord(taken)) return taken;
  throw new AppError('STACK_RUNNING', `a stack already runs on ${folder} (pid ${taken.pid})`, {
    disposition: 'fatal',
    remedy: `Stop it first (kill ${taken.pid}), or choose another folder with --data DIR and other ports with --port-base N.`,
    details: { pid: taken.pid, folder },
  });
}

// Whoever uses a server ends before it.
const LAST = ['minio', 'postgres', 'nats-server'];

/** Stops the children of a stack that was killed, roles first, and removes their pid files; returns their names. Only for the owner of the folder. */
export async function recoverStale(folder: string, { stopTimeoutMs = 10_000 } = {}): Promise<string[]> {
  const names = (await readdirIfThere(join(folder, 'run')))
    .filter((file) => file.endsWith('.pid'))
    .map((file) => file.slice(0, -'.pid'.length))
    .sort((a, b) => LAST.indexOf(a) - LAST.indexOf(b));
  const stopped: string[] = [];
  for (const name of names) {
    const path = join(folder, 'run', `${name}.pid`);
    const record = readPidFile(path);
    if (record !== undefined && isRunning(record)) {
      await stopStranded(record, name === 'postgres' ? 'SIGINT' : 'SIGTERM', stopTimeoutMs);
      stopped.push(name);
    }
    removePidFile(path);
  }
  return stopped;
}

async function stopStranded(record: PidRecord, signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
  send(record, signal);
  send(record, 'SIGCONT'); // it may have been paused
  const deadline = performance.now() + timeoutMs;
  while (isRunning(record)) {
    if (performance.now() > deadline) send(record, 'SIGKILL');
    await delay(20);
  }
}

function send(record: PidRecord, signal: NodeJS.Signals): void {
  if (!isRunning(record)) return; // asked each time: the pid may be a stranger's by now
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

async function readdirIfThere(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
