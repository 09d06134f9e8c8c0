import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreCount } from '../../../workers/imaging/cores.ts';
import { rendererCount } from '../../../workers/imaging/renderer-count.ts';

const GIB = 2 ** 30;

const CASES: [string, { cores: number; memoryBytes: number }, number][] = [
  ['memory enough: one for each core', { cores: 4, memoryBytes: 16 * GIB }, 4],
  ['16 cores in a container of 1 GiB', { cores: 16, memoryBytes: GIB }, 2],
  ['16 cores in a container of 2 GiB', { cores: 16, memoryBytes: 2 * GIB }, 6],
  ['too little memory for any: one all the same', { cores: 4, memoryBytes: GIB / 8 }, 1],
];

for (const [name, { cores, memoryBytes }, expected] of CASES) {
  test(`renderers: ${name}`, () => assert.equal(rendererCount(cores, memoryBytes), expected));
}

test('this machine has renderers, and no more than cores', () => {
  const count = rendererCount();
  assert.ok(count >= 1 && count <= coreCount());
});
