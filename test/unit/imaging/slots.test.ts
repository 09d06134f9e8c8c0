import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSlots, type Slot } from '../../../workers/imaging/slots.ts';

const NEVER = new AbortController().signal;
const LONG_MS = 60_000;

const taken = (slot: Slot | null): Slot => {
  assert.ok(slot);
  return slot;
};

test('as many slots as the size, then null', async () => {
  const slots = createSlots({ size: 2, othersPending: () => false });
  const first = taken(await slots.take('live', 0, NEVER));
  taken(await slots.take('urgent', 0, NEVER));
  assert.equal(await slots.take('live', 1, NEVER), null);
  first.release();
  taken(await slots.take('live', 0, NEVER));
});

test('a slot released twice counts once', async () => {
  const slots = createSlots({ size: 1, othersPending: () => false });
  const slot = taken(await slots.take('live', 0, NEVER));
  slot.release();
  slot.release();
  taken(await slots.take('live', 0, NEVER));
  assert.equal(await slots.take('live', 1, NEVER), null);
});

test('live and urgent come before bulk that asked earlier, and among themselves in order', async () => {
  const slots = createSlots({ size: 1, othersPending: () => false });
  let slot = taken(await slots.take('live', 0, NEVER));
  const order: string[] = [];
  const waiting = (['bulk', 'urgent', 'live'] as const).map(async (lane) => {
    const next = taken(await slots.take(lane, LONG_MS, NEVER));
    order.push(lane);
    slot = next;
  });
  for (const at of [1, 2, 0]) {
    slot.release();
    await waiting[at];
  }
  assert.deepEqual(order, ['urgent', 'live', 'bulk']);
});

test('bulk leaves the last slot while others have work, and takes it when they have none', async () => {
  let pending = true;
  const slots = createSlots({ size: 2, othersPending: () => pending, recheckMs: 5 });
  taken(await slots.take('bulk', 0, NEVER));
  assert.equal(await slots.take('bulk', 20, NEVER), null);
  const waits = slots.take('bulk', LONG_MS, NEVER);
  pending = false;
  taken(await waits);
});

test('a live one that comes while bulk waits for the last slot gets it', async () => {
  const slots = createSlots({ size: 1, othersPending: () => true, recheckMs: 5 });
  const bulk = slots.take('bulk', 30, NEVER);
  taken(await slots.take('live', 0, NEVER));
  assert.equal(await bulk, null);
});

test('an abort ends the wait with null and leaves the slot to the next', async () => {
  const slots = createSlots({ size: 1, othersPending: () => false });
  const slot = taken(await slots.take('live', 0, NEVER));
  const abort = new AbortController();
  const given = slots.take('live', LONG_MS, abort.signal);
  abort.abort();
  assert.equal(await given, null);
  const next = slots.take('live', LONG_MS, NEVER);
  slot.release();
  taken(await next);
});

test('after stop nobody gets a slot', async () => {
  const slots = createSlots({ size: 1, othersPending: () => false });
  taken(await slots.take('live', 0, NEVER));
  const waits = slots.take('live', LONG_MS, NEVER);
  slots.stop();
  assert.equal(await waits, null);
  assert.equal(await slots.take('live', LONG_MS, NEVER), null);
});
