import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '../../../workers/platform/errors.ts';
import type { Log } from '../../../workers/platform/log.ts';
import { type PeriodicOptions, startPeriodic } from '../../../workers/roles/periodic.ts';
import { eventually } from '../../harness/eventually.ts';

function options(lines: string[] = []): PeriodicOptions {
  const line = (level: string) => (_keys: object, message: string) => void lines.push(`${level} ${message}`);
  const log: Log = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => log,
  };
  return { name: 'test', everyMs: 1, firstMs: 1, jitter: 0, random: () => 0.5, log };
}

describe('periodic rounds', () => {
  test('they go on until stopped, never two at once', async () => {
    let [running, most, rounds] = [0, 0, 0];
    const periodic = startPeriodic(async () => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      running--;
      rounds++;
    }, options());
    await eventually(() => rounds >= 3);
    await periodic.stop();
    await periodic.stop();
    assert.equal(most, 1);
    assert.equal(running, 0);
    assert.equal(periodic.ended, rounds);
  });

  test('a failure is told once as long as it is the same, and that it is over', async () => {
    const lines: string[] = [];
    const codes = ['A', 'A', 'A', 'B', null, null];
    let round = 0;
    const troubles: (string | null)[] = [];
    await using periodic = startPeriodic(async () => {
      troubles.push(periodic.trouble);
      const code = codes[round++] ?? null;
      if (code !== null) throw new AppError(code, 'no');
    }, options(lines));
    await eventually(() => round >= codes.length);
    assert.deepEqual(troubles.slice(0, 6), [null, 'A: no', 'A: no', 'A: no', 'B: no', null]);
    assert.deepEqual(lines, [
      'warn round failed, will be tried again',
      'warn round failed, will be tried again',
      'info round succeeds again',
    ]);
  });

  test('stopping tells the round that runs, waits for it, and is no failure', async () => {
    const lines: string[] = [];
    let [begun, ended] = [false, false];
    const periodic = startPeriodic(async (signal) => {
      begun = true;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended = true;
      throw new Error('aborted');
    }, options(lines));
    await eventually(() => begun);
    await periodic.stop();
    assert.equal(ended, true);
    assert.deepEqual(lines, []);
  });

  test('stopped before its first round it never begins', async () => {
    let begun = false;
    const periodic = startPeriodic(async () => void (begun = true), { ...options(), firstMs: 60_000 });
    await periodic.stop();
    assert.equal(begun, false);
  });
});
