import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreCount } from '../../../workers/imaging/cores.ts';

const files = (entries: Record<string, string>) => (path: string) => entries[path];

const CASES: [string, Record<string, string>, number][] = [
  ['no limit known', {}, 8],
  ['cgroup 2 without a limit', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, 8],
  ['cgroup 2 with a limit', { '/sys/fs/cgroup/cpu.max': '250000 100000\n' }, 2],
  [
    'cgroup 2, the limit on a group above ours',
    {
      '/proc/self/cgroup': '0::/kubepods/pod1/c1\n',
      '/sys/fs/cgroup/kubepods/pod1/c1/cpu.max': 'max 100000',
      '/sys/fs/cgroup/kubepods/pod1/cpu.max': '300000 100000',
    },
    3,
  ],
  ['less than one core', { '/sys/fs/cgroup/cpu.max': '20000 100000' }, 1],
  [
    'cgroup 1 with a limit',
    { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '400000\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' },
    4,
  ],
  [
    'cgroup 1 without a limit',
    { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' },
    8,
  ],
  [
    'cgroup 1 in a group of its own',
    {
      '/proc/self/cgroup': '3:cpu,cpuacct:/docker/abc\n',
      '/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us': '200000',
      '/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000',
    },
    2,
  ],
];

for (const [name, entries, expected] of CASES) {
  test(`cores: ${name}`, () => assert.equal(coreCount(8, files(entries)), expected));
}

test('cores of this machine are counted', () => assert.ok(coreCount() >= 1));
