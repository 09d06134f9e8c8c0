// The real program as a process: exit codes, and pipes that close.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { HOME, SERVERS } from './fake-process.ts';

const MAIN = join(HOME, 'workers', 'main.ts');

async function main(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number, out, err };
}

test('help is 0, a mistyped command 2, a wrong configuration 1', async () => {
  const [help, typo, wrong] = await Promise.all([main(['--help']), main(['objekt']), main(['config', 'check'])]);
  assert.deepEqual([help.code, typo.code, wrong.code], [0, 2, 1]);
  assert.match(help.out, /^Usage: millrace/);
  assert.equal(typo.out, '');
  assert.match(wrong.err, /CONFIG_INVALID/);
});

test('a closed pipe is no error', async () => {
  const child = spawn(process.execPath, [MAIN, 'config', 'show'], {
    cwd: '/',
    env: SERVERS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  assert.deepEqual([code, err], [0, '']);
});
