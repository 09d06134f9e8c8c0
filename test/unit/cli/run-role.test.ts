import assert from 'node:assert/strict';
import { test } from 'node:test';
import { superviseRole } from '../../../workers/cli/run-role.ts';
import type { Role } from '../../../workers/platform/lifecycle.ts';
import { createLog } from '../../../workers/platform/log.ts';
import { eventually } from '../../harness/eventually.ts';
import { fakeProcess, ran } from './fake-process.ts';

function fakeRole(own: Partial<Role> = {}) {
  let stops = 0;
  const ended = Promise.withResolvers<void>();
  const role: Role = {
    ended: ended.promise,
    checks: () => ({ nats: null }),
    stop: async () => void (stops += 1),
    [Symbol.asyncDispose]: () => role.stop(),
    ...own,
  };
  return { role, ended, stops: () => stops };
}

function supervised(start: (signal: AbortSignal) => Promise<Role>) {
  const process = fakeProcess([]);
  const lines: Record<string, string>[] = [];
  const log = createLog({ role: 'test', destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const code = superviseRole(start, { log, io: process.io, healthPort: 0 });
  const url = () => eventually(() => lines.find(({ msg }) => msg === 'health served')?.['url']);
  const states = () => lines.filter(({ msg }) => msg === 'state changed').map(({ to }) => to);
  return { process, lines, code, url, states, ready: async () => (await fetch(`${await url()}/readyz`)).status };
}

test('it is ready while the role works; a signal drains it; exit code 0; no listener stays', async () => {
  const { role, stops } = fakeRole();
  const started = Promise.withResolvers<void>();
  const run = supervised(async () => {
    await started.promise;
    return role;
  });
  assert.equal(await run.ready(), 503);
  started.resolve();
  await eventually(async () => (await run.ready()) === 200);
  run.process.signal('SIGTERM');
  assert.equal(await run.code, 0);
  assert.deepEqual(run.states(), ['running', 'draining', 'stopped']);
  assert.equal(stops(), 1);
  assert.equal(run.process.listeners(), 0);
  await assert.rejects(run.ready(), 'the health server is closed');
});

test('while it drains it is alive and not ready', async (t) => {
  const draining = Promise.withResolvers<void>();
  t.after(() => draining.resolve());
  const run = supervised(async () => fakeRole({ stop: () => draining.promise }).role);
  await eventually(async () => (await run.ready()) === 200);
  run.process.signal('SIGINT');
  assert.equal(await run.ready(), 503);
  assert.equal((await fetch(`${await run.url()}/healthz`)).status, 200);
  draining.resolve();
  assert.equal(await run.code, 0);
});

test('a second signal exits at once, as a shell would report it', async (t) => {
  const draining = Promise.withResolvers<void>();
  t.after(() => draining.resolve());
  const run = supervised(async () => fakeRole({ stop: () => draining.promise }).role);
  await run.url();
  run.process.signal('SIGTERM');
  assert.deepEqual(run.process.exits, []);
  run.process.signal('SIGTERM');
  assert.deepEqual(run.process.exits, [143]);
  draining.resolve();
  await run.code;
});

test('a role that fails is stopped, told, and exit code 1', async () => {
  const { role, ended, stops } = fakeRole();
  const run = supervised(async () => role);
  await run.url();
  ended.reject(new Error('the index is another one'));
  assert.equal(await run.code, 1);
  assert.equal(stops(), 1);
  assert.deepEqual(run.states(), ['running', 'draining', 'failed']);
  assert.ok(run.lines.some(({ level, msg }) => level === 'error' && msg === 'role failed'));
});

test('a role that cannot start, or cannot stop, is exit code 1', async () => {
  assert.equal(await supervised(() => Promise.reject(new Error('no stream'))).code, 1);
  const run = supervised(async () => fakeRole({ stop: () => Promise.reject(new Error('stuck')) }).role);
  await eventually(async () => (await run.ready()) === 200);
  run.process.signal('SIGTERM');
  assert.equal(await run.code, 1);
  assert.deepEqual(run.states(), ['running', 'draining', 'failed']);
});

test('a signal during the start ends it, exit code 0', async () => {
  const run = supervised(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  await run.url();
  run.process.signal('SIGTERM');
  assert.equal(await run.code, 0);
  assert.deepEqual(run.states(), ['draining', 'stopped']);
});

test('a role that ended by itself is stopped; exit code 0', async () => {
  const { role, ended, stops } = fakeRole();
  const run = supervised(async () => role);
  await run.url();
  ended.resolve();
  assert.equal(await run.code, 0);
  assert.equal(stops(), 1);
});

test('a role does not start on a wrong configuration', async () => {
  const { code, err } = await ran(['processor'], {}, { env: { MILLRACE_HOST: '?' } });
  assert.equal(code, 1);
  assert.match(err, /CONFIG_INVALID/);
});
