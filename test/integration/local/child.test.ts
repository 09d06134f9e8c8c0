import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ChildOptions, pidFileOf, startChild } from '../../../workers/local/child.ts';
import { childEnv } from '../../../workers/local/child-env.ts';
import { isRunning, readPidFile } from '../../../workers/local/pid-file.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { tempDir } from '../../harness/temp-dir.ts';

function shell(folder: string, script: string, over: Partial<ChildOptions> = {}): ChildOptions {
  return {
    name: 'thing',
    command: '/bin/sh',
    args: ['-c', script],
    env: childEnv({}),
    folder,
    isReady: () => existsSync(join(folder, 'up')),
    ...over,
  };
}

test('a child has a log and a pid file while it runs, and is gone after stop', async () => {
  await using dir = await tempDir();
  const child = await startChild(shell(dir.path, `echo hello; touch '${dir.path}/up'; exec sleep 60`));
  const record = readPidFile(pidFileOf(dir.path, 'thing'));
  assert.ok(record !== undefined && record.pid === child.pid && isRunning(record));
  await child.stop();
  await child.stop();
  assert.deepEqual(await child.exited, { code: null, signal: 'SIGTERM', wanted: true });
  assert.equal(isRunning(record), false);
  assert.equal(existsSync(pidFileOf(dir.path, 'thing')), false);
  assert.equal(await readFile(child.logFile, 'utf8'), 'hello\n');
  assertNoChildren();
});

test('a child that does not stop is killed after the deadline; a paused one is stopped', async () => {
  await using dir = await tempDir();
  const stubborn = shell(dir.path, `trap '' TERM; touch '${dir.path}/up'; while :; do sleep 0.05; done`, {
    stopTimeoutMs: 100,
  });
  const child = await startChild(stubborn);
  await child.stop();
  assert.equal((await child.exited).signal, 'SIGKILL');

  const paused = await startChild(
    shell(dir.path, `trap 'exit 3' TERM; touch '${dir.path}/listening'; while :; do sleep 0.05; done`, {
      isReady: () => existsSync(join(dir.path, 'listening')),
    }),
  );
  paused.pause();
  await paused.stop();
  assert.equal((await paused.exited).code, 3);
});

test('a child that ends before it is ready is reported with the last lines of this start', async () => {
  await using dir = await tempDir();
  await mkdir(join(dir.path, 'logs'));
  await writeFile(join(dir.path, 'logs', 'thing.log'), 'of an earlier start\n');
  await assert.rejects(startChild(shell(dir.path, 'echo first; echo it is broken >&2; exit 3')), (error) => {
    assert.ok(isAppError(error, 'CHILD_EXITED'));
    assert.match(error.message, /exit code 3/);
    assert.match(error.message, /first\nit is broken/);
    assert.doesNotMatch(error.message, /earlier/);
    return true;
  });
  assert.equal(existsSync(pidFileOf(dir.path, 'thing')), false);
});

for (const [says, code] of [
  ['listen tcp 127.0.0.1:4222: bind: address already in use', 'PORT_IN_USE'],
  ['write /data/x: no space left on device', 'DISK_FULL'],
  ['open /data/x: read-only file system', 'DATA_DIR_UNUSABLE'],
] as const) {
  test(`"${says}" becomes ${code}`, async () => {
    await using dir = await tempDir();
    const options = shell(dir.path, `echo '${says}'; exit 1`, { port: 4222 });
    await assert.rejects(startChild(options), (error) => isAppError(error, code) && error.remedy !== undefined);
  });
}

test('a program that cannot be run is an error, and leaves nothing', async () => {
  await using dir = await tempDir();
  await assert.rejects(startChild(shell(dir.path, '', { command: '/nowhere/thing' })), (error) =>
    isAppError(error, 'CHILD_EXITED'),
  );
});

test('one that is never ready, or whose start is aborted, is killed', async () => {
  await using dir = await tempDir();
  const sleeper = (over: Partial<ChildOptions>) => startChild(shell(dir.path, 'exec sleep 60', over));
  await assert.rejects(sleeper({ readyTimeoutMs: 50 }), (error) => isAppError(error, 'CHILD_NOT_READY'));
  const stop = new AbortController();
  const starting = sleeper({ signal: stop.signal });
  await eventually(() => readPidFile(pidFileOf(dir.path, 'thing')));
  stop.abort();
  await assert.rejects(starting, { name: 'AbortError' });
  assertNoChildren();
});

test('a pid file that cannot be written ends the child', async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, 'run'), 'a file where the folder should be');
  await assert.rejects(startChild(shell(dir.path, 'exec sleep 60')), (error) => isAppError(error, 'DATA_DIR_UNUSABLE'));
  assertNoChildren();
});
