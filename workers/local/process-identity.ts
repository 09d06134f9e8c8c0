// Tells a process from a later one that was given the same pid.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { codeOf } from '../platform/errors.ts';

let bootId: string | undefined;

/** Boot and start time of the process in one opaque string; undefined where no process (or only a zombie) bears the pid. */
export function processIdentity(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const stat = readProcStat(pid);
    if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
    bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${bootId}:${stat.startTicks}`;
  }
  if (process.platform === 'win32') return answersToSignalZero(pid) ? 'alive' : undefined;
  const [state = '', ...started] = ps(['-o', 'state=,lstart=', '-p', String(pid)])
    .trim()
    .split(/\s+/);
  return state === '' || state.startsWith('Z') ? undefined : started.join(' ');
}

/** The direct children of `pid` that are alive, as pids. */
export function childrenOf(pid: number): number[] {
  if (process.platform === 'win32') return [];
  if (process.platform !== 'linux') {
    return ps(['-A', '-o', 'pid=,ppid=,state='])
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, parent, state = '']) => Number(parent) === pid && !state.startsWith('Z'))
      .map(([child]) => Number(child));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), stat: readProcStat(Number(name)) }))
    .filter(({ stat }) => stat?.parent === pid && stat.state !== 'Z')
    .map((entry) => entry.pid);
}

/** The name of the program that the process runs, as the system shows it; undefined where there is no process. */
export function programOf(pid: number): string | undefined {
  if (process.platform === 'linux') return readProcStat(pid)?.program;
  if (process.platform === 'win32') return undefined;
  return basename(ps(['-o', 'comm=', '-p', String(pid)]).trim()) || undefined;
}

/** True once every thread of the process stands still after SIGSTOP, and where it is gone. */
export function isPaused(pid: number): boolean {
  if (process.platform !== 'linux') return /^(T|$)/.test(ps(['-o', 'state=', '-p', String(pid)]).trim());
  const states = threadsOf(pid).map((thread) => readProcStat(`${pid}/task/${thread}`)?.state);
  return states.every((state) => state === undefined || 'TtZX'.includes(state));
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return [];
    throw error;
  }
}

interface ProcStat {
  readonly program: string;
  readonly state: string;
  readonly parent: number;
  readonly startTicks: string;
}

/** Of `<pid>`, or of `<pid>/task/<thread>`. */
function readProcStat(pid: number | string): ProcStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return undefined;
    throw error;
  }
  // The second field is the program's name in brackets and may itself hold spaces and brackets.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const program = text.slice(text.indexOf('(') + 1, end);
  return { program, state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
}

function ps(args: string[]): string {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    // ps exits 1 when no process matches.
    if (error instanceof Error && 'status' in error && error.status === 1) return '';
    throw error;
  }
}

function answersToSignalZero(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    if (codeOf(error) === 'EPERM') return true;
    throw error;
  }
}
