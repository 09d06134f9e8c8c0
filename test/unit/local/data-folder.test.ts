import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pidFileOf } from '../../../workers/local/child.ts';
import { ownDataFolder, recoverStale } from '../../../workers/local/data-folder.ts';
import { recordOf, writePidFile } from '../../../workers/local/pid-file.ts';
import { processIdentity } from '../../../workers/local/process-identity.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { tempDir } from '../../harness/temp-dir.ts';

/** A process that ends at SIGTERM, or only at SIGKILL. */
async function someProcess({
  stubborn = false,
} = {}): Promise<{ pid: number; child: ChildProcess; ended: Promise<unknown> }> {
  const trap = stubborn ? "trap '' TERM; " : '';
  const child = spawn('sh', ['-c', `${trap}echo up; while :; do sleep 0.1; done`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  assert.ok(child.pid);
  return { pid: child.pid, child, ended };
}

function note(folder: string, name: string, pid: number, startedAt?: string): void {
  const record = recordOf(pid, name);
  assert.ok(record);
  writePidFile(pidFileOf(folder, name), { ...record, startedAt: startedAt ?? record.startedAt });
}

test('what a killed stack left running is stopped, roles before servers, and its pid files go', async () => {
  await using dir = await tempDir();
  const left = await Promise.all(
    ['minio', 'processor-1', 'nats-server', 'postgres'].map(async (name) => ({ name, ...(await someProcess()) })),
  );
  for (const { name, pid } of left) note(dir.path, name, pid);
  assert.deepEqual(await recoverStale(dir.path), ['processor-1', 'minio', 'postgres', 'nats-server']);
  await Promise.all(left.map(({ ended }) => ended));
  assert.deepEqual(await readdir(join(dir.path, 'run')), []);
  assert.deepEqual(await recoverStale(dir.path), []);
  assertNoChildren();
});

test('one that was paused, or does not listen, is stopped all the same', async () => {
  await using dir = await tempDir();
  const paused = await someProcess();
  const stubborn = await someProcess({ stubborn: true });
  process.kill(paused.pid, 'SIGSTOP');
  note(dir.path, 'paused', paused.pid);
  note(dir.path, 'stubborn', stubborn.pid);
  await recoverStale(dir.path, { stopTimeoutMs: 200 });
  await Promise.all([paused.ended, stubborn.ended]);
  assertNoChildren();
});

test('a stranger that was given the pid of one of ours is left alone', async () => {
  await using dir = await tempDir();
  const stranger = await someProcess();
  note(dir.path, 'minio', stranger.pid, 'another boot:12345');
  assert.deepEqual(await recoverStale(dir.path), []);
  assert.notEqual(processIdentity(stranger.pid), undefined);
  assert.deepEqual(await readdir(join(dir.path, 'run')), []);
  stranger.child.kill('SIGKILL');
  await stranger.ended;
});

test('a pid file that is not whole is removed', async () => {
  await using dir = await tempDir();
  await mkdir(join(dir.path, 'run'));
  await writeFile(pidFileOf(dir.path, 'cut'), '{"pid":12');
  await writeFile(pidFileOf(dir.path, 'wild'), '{"pid":-1,"startedAt":"x","command":"y"}');
  assert.deepEqual(await recoverStale(dir.path), []);
  assert.deepEqual(await readdir(join(dir.path, 'run')), []);
});

test('a data folder has one owner at a time; the error names him and the folder', async () => {
  await using dir = await tempDir();
  const folder = join(dir.path, 'data');
  {
    using owned = await ownDataFolder(folder);
    assert.ok(owned);
    await assert.rejects(ownDataFolder(folder), (error) => {
      assert.ok(isAppError(error, 'STACK_RUNNING'));
      assert.match(error.message, new RegExp(`${folder}.*${process.pid}`));
      return true;
    });
  }
  using again = await ownDataFolder(folder);
  assert.ok(again);
});

test('of many that find the lock of a killed owner exactly one gets it', async () => {
  await using dir = await tempDir();
  for (let round = 0; round < 20; round++) {
    const folder = join(dir.path, String(round));
    await mkdir(join(folder, 'run'), { recursive: true });
    const stale = { pid: process.pid, startedAt: 'before', command: 'x' };
    await writeFile(join(folder, 'run', 'stack.lock'), JSON.stringify(stale));
    const taken = await Promise.allSettled(Array.from({ length: 4 }, () => ownDataFolder(folder)));
    assert.equal(taken.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.deepEqual(await readdir(join(folder, 'run')), ['stack.lock']);
  }
});
