// When failures of handlers mean that everybody fails.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutage } from '../../../workers/nats/outage.ts';

test('one message, however often it fails, is no outage', () => {
  const outage = createOutage();
  for (let n = 0; n < 50; n += 1) outage.failed(1);
  assert.equal(outage.pauseMs, 0);
});

test('three different messages in a row are one; the pause grows to ten seconds and ends with the first success', () => {
  const outage = createOutage();
  outage.failed(1);
  outage.failed(2);
  assert.equal(outage.pauseMs, 0);
  outage.failed(3);
  assert.equal(outage.pauseMs, 1_000);
  for (let n = 0; n < 10; n += 1) outage.failed(1);
  assert.equal(outage.pauseMs, 10_000);
  outage.succeeded();
  assert.equal(outage.pauseMs, 0);
  outage.failed(1);
  outage.failed(2);
  assert.equal(outage.pauseMs, 0);
});
