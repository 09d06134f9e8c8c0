// A pid file names a process so that a later start can find it again, and never mistakes a stranger for it.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../platform/errors.ts';
import { folderError } from './folder.ts';
import { processIdentity } from './process-identity.ts';

export interface PidRecord {
  readonly pid: number;
  /** Of processIdentity(); the pid alone is given to strangers later. */
  readonly startedAt: string;
  readonly command: string;
}

/** undefined where no process bears the pid (any more). */
export function recordOf(pid: number, command: string): PidRecord | undefined {
  const startedAt = processIdentity(pid);
  return startedAt === undefined ? undefined : { pid, startedAt, command };
}

export function isRunning(record: PidRecord): boolean {
  return processIdentity(record.pid) === record.startedAt;
}

/** Synchronous, so that nothing comes between a spawn and the note of its pid. */
export function writePidFile(path: string, record: PidRecord): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    throw folderError(error, path);
  }
}

/** undefined where there is no file, or one that is not ours (cut short by a full disk, say). */
export function readPidFile(path: string): PidRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isPidRecord(value) ? value : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** One that cannot be removed (the folder became read-only, say) does no harm: the next start sees that it is stale. */
export function removePidFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    if (!['ENOTDIR', 'EROFS', 'EACCES', 'EPERM'].includes(codeOf(error))) throw error;
  }
}

function isPidRecord(value: unknown): value is PidRecord {
  if (typeof value !== 'object' || value === null) return false;
  if (!('pid' in value && 'startedAt' in value && 'command' in value)) return false;
  // A pid of 0 or below would signal whole process groups.
  return Number.isSafeInteger(value.pid) && Number(value.pid) > 1 && typeof value.startedAt === 'string';
}
