import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkItem } from '../../../workers/model/messages.ts';
import { boundedWorkItems } from '../../../workers/pipeline/bounded-work-items.ts';
import { AppError, isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { refOf } from '../../harness/wanted.ts';

const item: WorkItem = { v: 1, ref: refOf('a'), reason: 'test' };

function stream(most: number) {
  const stopping = new AbortController();
  const state = { there: 0, highest: 0, asked: 0, away: false };
  const bounded = boundedWorkItems(
    {
      async publish() {
        await new Promise((resolve) => setImmediate(resolve));
        state.there += 1;
        state.highest = Math.max(state.highest, state.there);
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
    {
      outstanding: async () => {
        state.asked += 1;
        if (state.away) throw new AppError('NATS_TIMEOUT', 'away');
        const { there } = state;
        await new Promise((resolve) => setImmediate(resolve));
        return there;
      },
      most,
      pauseMs: 2,
      signal: stopping.signal,
    },
  );
  const send = () => bounded.publish('t', 'bulk', 'job', item, 'id');
  return { state, send, stop: () => stopping.abort(new Error('stopped')) };
}

test('never more are outstanding than allowed, however many publish at once, and all go in the end', async () => {
  const { state, send } = stream(40);
  let sent = 0;
  const all = Promise.all(Array.from({ length: 500 }, async () => void (await send(), (sent += 1))));
  let worked = 0;
  await eventually(
    () => {
      const taken = Math.min(state.there, 7);
      state.there -= taken;
      worked += taken;
      return worked === 500;
    },
    { intervalMs: 1 },
  );
  await all;
  assert.equal(sent, 500);
  assert.ok(state.highest <= 40 && state.highest > 20, `${state.highest} at most`);
  assert.ok(state.asked < 200, `asked ${state.asked} times for 500 items`);
});

test('who waits for room hears the stop, and what the question fails with', async () => {
  const { state, send, stop } = stream(4);
  for (let n = 0; n < 4; n += 1) await send();
  const waiting = Promise.allSettled([send(), send()]);
  await eventually(() => state.asked > 2);
  stop();
  assert.deepEqual(
    (await waiting).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  const other = stream(4);
  other.state.away = true;
  await assert.rejects(other.send(), (error) => isAppError(error, 'NATS_TIMEOUT'));
  other.state.away = false;
  await other.send();
});
