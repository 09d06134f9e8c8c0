// The test runner itself: what it must not do is look green.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { tempDir } from '../../harness/temp-dir.ts';
import { ROOT } from '../../architecture/imports.ts';

async function running(files: Readonly<Record<string, string>>, ...args: string[]) {
  await using folder = await tempDir();
  await mkdir(join(folder.path, 'test'));
  for (const [name, code] of Object.entries(files)) {
    await writeFile(join(folder.path, 'test', name), `import { suite, test } from 'node:test';\n${code}`);
  }
  // Inside a test file node:test takes a further run for its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const runner = join(ROOT, 'test', 'tools', 'run.ts');
  const child = spawn(process.execPath, [runner, '--root', folder.path, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close'), text(child.stderr)]);
  return { code: code as number, out, last: out.trimEnd().split('\n').at(-1) };
}

const FINE = "test('fine', () => {}); suite('more', () => { test('too', () => {}); });";

test('all fine: exit code 0, the counts on the last line', async () => {
  const { code, last } = await running({ 'a.test.ts': FINE, 'b.test.ts': FINE, 'helper.ts': 'throw new Error();' });
  assert.deepEqual([code, last], [0, '4 passed, 0 failed']);
});

test('a failure is told with place, error and what the file wrote to stderr; exit code 1', async () => {
  const bad = "suite('s', () => { test('bad', () => { console.error('a hint'); throw new Error('broken here'); }); });";
  const { code, out, last } = await running({ 'a.test.ts': FINE, 'b.test.ts': bad });
  assert.deepEqual([code, last], [1, '2 passed, 1 failed']);
  for (const part of ['test/b.test.ts:2', 'broken here', 'a hint'])
    assert.ok(out.includes(part), `${part} is missing:\n${out}`);
});

test('a file that cannot be loaded, dies, hangs, or leaves a handle open is a failure', async () => {
  for (const broken of [
    "import './none.ts';",
    'process.kill(process.pid, "SIGKILL");',
    "test('dies', () => { process.exit(3); });",
    "test('never ends', () => new Promise(() => {}));",
    "test('fine, but a timer stays', () => void setInterval(() => {}, 1000));",
  ]) {
    const { code, last } = await running({ 'a.test.ts': FINE, 'b.test.ts': broken }, '--file-timeout-ms', '6000');
    assert.equal(code, 1, broken);
    assert.match(last ?? '', /^[23] passed, 1 failed$/, broken);
  }
});

test('what is skipped is told aloud, and is not passed', async () => {
  const { code, out, last } = await running({
    'a.test.ts': "test('later', { skip: 'no network' }, () => {});",
    'b.test.ts': FINE,
  });
  assert.deepEqual([code, last], [0, '2 passed, 0 failed']);
  assert.match(out, /skipped, not tested:\n {2}test\/a\.test\.ts {2}later {2}\(no network\)/);
});

test('a filter picks files; one that picks none is a failure', async () => {
  assert.equal((await running({ 'a.test.ts': FINE, 'b.test.ts': FINE }, 'a.test')).last, '2 passed, 0 failed');
  const { code, last } = await running({ 'a.test.ts': FINE }, 'zzz');
  assert.deepEqual([code, last], [1, '0 passed, 1 failed']);
});
