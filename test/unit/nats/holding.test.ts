import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { hold, watchAwake } from '../../../workers/nats/holding.ts';

/** A clock that goes on while the process stands still, as CLOCK_MONOTONIC does. */
function clock() {
  let nowMs = 0;
  return { now: () => nowMs, advance: (ms: number) => (nowMs += ms) };
}

function running(t: { after(fn: () => void): void }, time: ReturnType<typeof clock>) {
  mock.timers.enable({ apis: ['setInterval'] });
  t.after(() => mock.timers.reset());
  return (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      time.advance(100);
      mock.timers.tick(100);
    }
  };
}

test('a message stays ours for as long as the process lives, and says so three times per ack_wait', (t) => {
  const time = clock();
  const run = running(t, time);
  let signs = 0;
  using awake = watchAwake(time.now);
  using holding = hold({ working: () => void (signs += 1) }, { ackWaitMs: 60_000, awake, nowMs: time.now });
  run(180_000);
  assert.equal(holding.isOurs(), true);
  assert.equal(signs, 9);
});

test('after a standstill of more than half of ack_wait it is lost, for good, and no sign of life is sent for it', (t) => {
  const time = clock();
  const run = running(t, time);
  let signs = 0;
  using awake = watchAwake(time.now);
  using holding = hold({ working: () => void (signs += 1) }, { ackWaitMs: 60_000, awake, nowMs: time.now });
  run(5_000);
  time.advance(31_000);
  assert.equal(holding.isOurs(), false);
  run(60_000);
  assert.deepEqual([holding.isOurs(), signs], [false, 0]);
});

test('a message that lay in the buffer while the process stood still is not taken for ours', (t) => {
  const time = clock();
  const run = running(t, time);
  using awake = watchAwake(time.now);
  run(5_000);
  time.advance(40_000); // stopped; the message came meanwhile
  using stale = hold({ working: () => {} }, { ackWaitMs: 60_000, awake, nowMs: time.now });
  assert.equal(stale.isOurs(), false);
  run(2_000);
  using fresh = hold({ working: () => {} }, { ackWaitMs: 60_000, awake, nowMs: time.now });
  assert.equal(fresh.isOurs(), true);
});
