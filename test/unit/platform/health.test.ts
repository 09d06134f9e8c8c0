import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../../../workers/platform/errors.ts';
import { startHealth } from '../../../workers/platform/health.ts';
import type { LifecycleState } from '../../../workers/platform/lifecycle.ts';

async function get(url: string, method = 'GET'): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, { method });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('alive is told at once, ready only while running with every check fine', async () => {
  let state: LifecycleState = 'starting';
  const checks: Record<string, string | null> = { nats: null };
  await using health = await startHealth({ port: 0, state: () => state, checks: () => checks });
  assert.match(health.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.deepEqual(await get(`${health.url}/healthz`), { status: 200, body: { state: 'starting' } });
  assert.equal((await get(`${health.url}/readyz`)).status, 503);
  state = 'running';
  assert.deepEqual(await get(`${health.url}/readyz?x=1`), {
    status: 200,
    body: { ready: true, state: 'running', checks: { nats: { ok: true } } },
  });
  checks['volume'] = 'not mounted; index postgres://u:hunter2@db/x';
  const bad = await get(`${health.url}/readyz`);
  assert.equal(bad.status, 503);
  assert.deepEqual(bad.body['checks'], {
    nats: { ok: true },
    volume: { ok: false, message: 'not mounted; index postgres://u:[redacted]@db/x' },
  });
  delete checks['volume'];
  state = 'draining';
  assert.equal((await get(`${health.url}/readyz`)).status, 503);
  assert.equal((await get(`${health.url}/healthz`)).status, 200);
  assert.equal((await get(`${health.url}/nope`)).status, 404);
  assert.equal((await get(`${health.url}/healthz`, 'POST')).status, 405);
});

test('a check that throws makes it unready, not dead', async () => {
  const checks = (): never => {
    throw new Error('boom');
  };
  await using health = await startHealth({ port: 0, state: () => 'running', checks });
  const { status, body } = await get(`${health.url}/readyz`);
  assert.equal(status, 503);
  assert.deepEqual(body['checks'], { checks: { ok: false, message: 'boom' } });
});

test('a port in use is a coded error, and stopping twice is safe', async () => {
  const options = { state: () => 'running' as const, checks: () => ({}) };
  const first = await startHealth({ port: 0, ...options });
  const port = Number(new URL(first.url).port);
  await assert.rejects(startHealth({ port, ...options }), (error) => isAppError(error, 'PORT_IN_USE'));
  await first.stop();
  await first.stop();
  await using again = await startHealth({ port, ...options });
  assert.equal(again.url, first.url);
});
