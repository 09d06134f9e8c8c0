// How many renders run side by side by default: as many as this process has cores, a container's CPU limit counted.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { codeOf } from '../platform/errors.ts';

/** At least 1. `read` resolves a file's text, or undefined where there is none. */
export function coreCount(
  available: number = availableParallelism(),
  read: (path: string) => string | undefined = readIfThere,
): number {
  const limit = Math.min(cgroup2Limit(read), cgroup1Limit(read));
  return Math.max(1, Math.min(available, Math.floor(limit)));
}

/** `cpu.max` is `<quota> <period>` or `max <period>`; each group above ours may have a smaller one. */
function cgroup2Limit(read: (path: string) => string | undefined): number {
  const own = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  let limit = Number.POSITIVE_INFINITY;
  const names = own.split('/').filter((name) => name !== '');
  for (let depth = names.length; depth >= 0; depth -= 1) {
    const [quota, period] = (read(['/sys/fs/cgroup', ...names.slice(0, depth), 'cpu.max'].join('/')) ?? '')
      .trim()
      .split(' ');
    limit = Math.min(limit, ratio(quota, period));
  }
  return limit;
}

/** A quota of -1 is none. */
function cgroup1Limit(read: (path: string) => string | undefined): number {
  const own = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  const folders = [`/sys/fs/cgroup/cpu${own === '/' ? '' : own}`, '/sys/fs/cgroup/cpu'];
  return Math.min(
    ...folders.map((folder) => ratio(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`))),
  );
}

function ratio(quota: string | undefined, period: string | undefined): number {
  const cores = Number(quota?.trim() || Number.NaN) / Number(period?.trim() || Number.NaN);
  return cores > 0 ? cores : Number.POSITIVE_INFINITY;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error))) return undefined;
    throw error;
  }
}
