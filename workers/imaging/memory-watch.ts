// Notices a renderer that takes more memory than it may.
import { readFileSync } from 'node:fs';
import { codeOf } from '../platform/errors.ts';

const SAMPLE_MS = 200;

/** Calls back once when the process holds more than `limitMb` of resident memory. Only Linux tells this cheaply; elsewhere nothing is watched. */
export function watchMemory(pid: number, limitMb: number, exceeded: (residentMb: number) => void): Disposable {
  const timer = setInterval(() => {
    const residentMb = residentMbOf(pid);
    if (residentMb === undefined || residentMb <= limitMb) return;
    clearInterval(timer);
    exceeded(residentMb);
  }, SAMPLE_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Undefined where the process is gone, or the system does not tell. */
function residentMbOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return undefined;
    throw error;
  }
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]; // a zombie has none
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}
