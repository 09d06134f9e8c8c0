import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, retrying } from '../../../workers/platform/retry.ts';

test('the wait doubles up to its ceiling, with full jitter', () => {
  const backoff = { baseMs: 100, maxMs: 1000 };
  const highest = (attempt: number): number => backoffMs(attempt, backoff, () => 0.999_999);
  assert.deepEqual([1, 2, 3, 4, 5, 60, 2000].map(highest), [99, 199, 399, 799, 999, 999, 999]);
  assert.equal(
    backoffMs(5, backoff, () => 0),
    0,
  );
});

const options = { baseMs: 10, maxMs: 10, attempts: 3, random: () => 0.5 };

test('the first success ends it, the last failure is thrown', async () => {
  const waits: number[] = [];
  const wait = async (ms: number): Promise<void> => void waits.push(ms);
  assert.equal(
    await retrying(async (attempt) => (attempt < 3 ? Promise.reject(new Error('no')) : attempt), { ...options, wait }),
    3,
  );
  assert.deepEqual(waits, [5, 5]);
  await assert.rejects(
    retrying((attempt) => Promise.reject(new Error(`no ${attempt}`)), { ...options, wait }),
    /no 3/,
  );
});

test('what is not worth it, and a fired signal, end it at once', async () => {
  let tries = 0;
  const work = (): Promise<never> => {
    tries += 1;
    return Promise.reject(new Error('bad'));
  };
  const wait = async (): Promise<void> => {};
  await assert.rejects(retrying(work, { ...options, wait, worthRetrying: () => false }), /bad/);
  await assert.rejects(retrying(work, { ...options, wait, signal: AbortSignal.abort(new Error('stop')) }), /stop/);
  assert.equal(tries, 1);
});
