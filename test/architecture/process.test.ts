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
/** A bench measures time; it proves nothing. */
const tests = filesBelow('test').filter((file) => !file.startsWith('test/bench/'));

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
    (use) => !use.startsWith('workers/local/') && !use.startsWith('workers/imaging/renderers.ts:'),
  );
  assert.deepEqual(found, [], 'settings come from the configuration, which main.ts reads');
});

/** Where time itself is the condition, and why. */
const TIME_ITSELF: Readonly<Record<string, string>> = {
  'test/harness/eventually.ts': 'between two looks',
  'test/tools/test-file.ts': 'the deadline of a file',
  'test/faults/fault.ts': 'between two looks, in a process that has nothing but a file to look at',
  'test/faults/steps.test.ts': 'a lease runs out by the clock of the database',
  'test/integration/jobs/room.ts': 'of what must not happen there is no event, and work that takes a while',
  'test/integration/nats/room.ts': 'of what must not happen there is no event',
  'test/integration/imaging/hooked-child.ts': 'a child that eats memory at a pace',
  'test/integration/imaging/renderers.test.ts': 'of what must not happen there is no event',
  'test/unit/roles/periodic.test.ts': 'work that takes a while',
};

test('tests wait for conditions, not for time', () => {
  const waits = /\bsetTimeout\s*\(|\bimport\b.*\btimers\/promises\b|\bAtomics\.wait\b/g;
  const found = uses(tests, waits, [...Object.keys(TIME_ITSELF), 'test/architecture/process.test.ts']);
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
