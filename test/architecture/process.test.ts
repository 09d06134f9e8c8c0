// Who may touch the process, and how tests may wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, filesBelow, textOf } from './imports.ts';

function uses(files: readonly string[], pattern: RegExp, except: readonly string[]): string[] {
  return files
    .filter((file) => !except.includes(file))
    .flatMap((file) => Array.from(codeOf(file).matchAll(pattern), ([match]) => `${file}: ${match.trim()}`));
}

const workers = filesBelow('workers');
const tests = filesBelow('test');

test('only main.ts ends the process', () => {
  const found = uses(workers, /\bprocess\.(?:exit|exitCode|abort|reallyExit)\b/g, ['workers/main.ts']);
  assert.deepEqual(found, [], 'a room throws a coded error; main.ts alone turns it into an exit code');
});

test('only main.ts reads the command line', () => {
  // The file lock writes down who holds it, by the command line; it decides nothing by it.
  const found = uses(workers, /\bprocess\.argv\b/g, ['workers/main.ts', 'workers/local/file-lock.ts']);
  assert.deepEqual(found, [], 'arguments are parsed in cli/, from what main.ts hands over');
});

test('only main.ts handles signals', () => {
  const found = uses(
    workers,
    /\bprocess\.(?:on|once|addListener|prependListener)\(\s*['"`](?:SIG|uncaught|unhandled)/g,
    ['workers/main.ts'],
  );
  assert.deepEqual(found, [], 'everything else is stopped by an AbortSignal or its stop()');
});

test('the environment is read by main.ts, or passed on to a child', () => {
  const found = uses(workers, /\bprocess\.env\b/g, ['workers/main.ts']).filter(
    (use) => !use.startsWith('workers/local/') && !/^workers\/imaging\/renderers\.ts:/.test(use),
  );
  assert.deepEqual(found, [], 'settings come from the configuration, which main.ts reads');
});

test('tests wait for conditions, not for time', () => {
  const found = uses(tests, /\bsetTimeout\b|\bAtomics\.wait\b/g, [
    'test/harness/eventually.ts',
    'test/integration/nats/room.ts', // nothingHappensFor: of what must not happen there is no event
    'test/architecture/process.test.ts',
  ]);
  assert.deepEqual(
    found,
    [],
    'no sleeps as synchronisation: eventually(condition) of test/harness/eventually.ts, or an event',
  );
});

test('no comment switches a check off, but one named rule on one line', () => {
  const off =
    /(?:eslint|oxlint)-disable(?!-next-line [\w/-]+)|biome-ignore-all|@ts-(?:ignore|nocheck|expect-error)|\.only\(/;
  const found = [...workers, ...tests].filter(
    (file) => file !== 'test/architecture/process.test.ts' && off.test(textOf(file)),
  );
  assert.deepEqual(found, [], 'the code changes, not the check');
});
