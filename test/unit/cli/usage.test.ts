import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { HOME, ran } from './fake-process.ts';

const HELPED = [
  [],
  ['object'],
  ['object', 'show'],
  ['object', 'ls'],
  ['config'],
  ['config', 'show'],
  ['config', 'check'],
];
const ALSO = [['provision'], ['sweep'], ['stack'], ['processor'], ['keeper']];

for (const command of [...HELPED, ...ALSO]) {
  test(`millrace ${[...command, '--help'].join(' ')} helps, and touches nothing`, async () => {
    const { code, out, err } = await ran([...command, '--help'], {}, { env: {} });
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, new RegExp(`^Usage: ${['millrace', ...command].join(' ')}`));
  });
}

test('--version is that of package.json', async () => {
  const { version } = JSON.parse(await readFile(join(HOME, 'package.json'), 'utf8'));
  assert.deepEqual(await ran(['--version']), { code: 0, out: `${version}\n`, err: '' });
});

const MISTYPED = [
  [],
  ['object'],
  ['objects'],
  ['object', 'show'],
  ['object', 'show', 'a/b', 'c/d'],
  ['object', 'ls', '--buckets', 'x'],
  ['sweep', '--allow-removals', 'many'],
  ['sweep', '--allow-removals', '-1'],
  ['stack', '--processors', '0'],
  ['stack', '--port-base', '80'],
  ['--config'],
];

for (const args of MISTYPED) {
  test(`millrace ${args.join(' ')}: not a command, exit code 2, told on stderr`, async () => {
    const { code, out, err } = await ran(args);
    assert.deepEqual([code, out], [2, '']);
    assert.notEqual(err, '');
  });
}
