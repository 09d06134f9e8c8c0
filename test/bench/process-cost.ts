// What processes cost: CPU time and memory as Linux accounts them. Other systems do not tell it in one place.
import { readFileSync } from 'node:fs';
import { childrenOf } from '../../workers/local/process-identity.ts';
import { codeOf } from '../../workers/platform/errors.ts';

/** The kernel's USER_HZ: 100 on every architecture that Node runs on. */
const TICKS_PER_S = 100;

/** Of the process, its children that live, and those that it outlived. To 0.01 s for each process. */
export function cpuSecondsOf(pid: number): number {
  let ticks = ticksOf(pid, true);
  for (const child of childrenOf(pid)) ticks += ticksOf(child, false);
  return ticks / TICKS_PER_S;
}

/** Of the process alone. */
export function ownCpuSecondsOf(pid: number): number {
  return ticksOf(pid, false) / TICKS_PER_S;
}

/** `withDead`: children that have ended and were waited for count as well. */
function ticksOf(pid: number, withDead: boolean): number {
  const stat = readProc(pid, 'stat');
  // The second field, the program's name, may hold anything: utime is the 14th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = 0, system = 0, deadUser = 0, deadSystem = 0] = fields.slice(11, 15).map(Number);
  return user + system + (withDead ? deadUser + deadSystem : 0);
}

/** Proportional set size: what processes share is counted once. Of the process and its children. */
function pssMbOf(pid: number): number {
  let kilobytes = 0;
  for (const one of [pid, ...childrenOf(pid)]) {
    kilobytes += Number(/^Pss:\s+(\d+) kB$/m.exec(readProc(one, 'smaps_rollup'))?.[1] ?? 0);
  }
  return kilobytes / 1024;
}

/** Empty where the process is gone. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return '';
    throw error;
  }
}

const SAMPLE_MS = 250;

export interface PeakWatch extends Disposable {
  readonly peakPssMb: number;
}

/** Samples the sum over the process and its children four times a second, until disposed. */
export function watchPeak(pid: number): PeakWatch {
  let peakPssMb = 0;
  const sample = () => {
    peakPssMb = Math.max(peakPssMb, pssMbOf(pid));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    get peakPssMb() {
      sample();
      return peakPssMb;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
