import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startClock } from '../../../workers/imaging/pausable-clock.ts';

test('the time of a pause does not count', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const advance = (ms: number) => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  let expired = 0;
  using clock = startClock(100, () => (expired += 1));
  advance(60);
  clock.pause();
  clock.pause();
  advance(10_000);
  assert.equal(expired, 0);
  clock.resume();
  advance(39);
  assert.equal(expired, 0);
  advance(1);
  assert.equal(expired, 1);
});

test('a restart begins anew', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let expired = 0;
  using clock = startClock(100, () => (expired += 1));
  for (let times = 0; times < 3; times += 1) {
    nowMs += 90;
    t.mock.timers.tick(90);
    clock.restart();
  }
  assert.equal(expired, 0);
});
