// I10: uploads do not feel us, whatever of ours is stopped or dead; what NATS costs them is MinIO's own wait, and only while it is frozen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startWorld, type World } from './harness.ts';
import { picture } from './pictures.ts';

const BUCKET = 'photos';
const PUTS = 15;
/** On a machine shared with other tests. Waiting for anything of ours would take seconds. */
const ROOM_MS = 250;
/** MinIO gives a publish 5 s, and says "stored" to its client anyway. */
const FROZEN_WAIT_MS = 5_000;

test('I10: uploads feel neither processors nor PostgreSQL nor a dead NATS; a frozen NATS costs 5 s; afterwards all is committed', async () => {
  await using world = await startWorld({});
  await world.crew.hire(1);
  const { nats, postgres } = world.servers;
  const baseMs = await medianPut(world, 'all well');

  for (const processor of world.crew.running()) processor.pause();
  postgres.pause();
  const stoppedMs = await medianPut(world, 'ours stopped');
  postgres.resume();
  for (const processor of world.crew.running()) processor.resume();

  await nats.kill9();
  const deadMs = await medianPut(world, 'nats dead');
  await nats.restart();

  nats.pause();
  const frozenMs = await putMs(world, 'nats frozen/0.jpg', 0);
  nats.resume();

  for (const [what, ms] of Object.entries({ stoppedMs, deadMs })) {
    assert.ok(ms <= baseMs + ROOM_MS, `${what}: median of a PUT ${ms} ms, all being well ${baseMs} ms`);
  }
  assert.ok(frozenMs < 2 * FROZEN_WAIT_MS, `with NATS frozen a PUT took ${frozenMs} ms`);
  await world.exact();
});

async function medianPut(world: World, prefix: string): Promise<number> {
  const took: number[] = [];
  for (let number = 0; number < PUTS; number += 1) took.push(await putMs(world, `${prefix}/${number}.jpg`, number));
  return took.sort((a, b) => a - b)[PUTS >> 1] ?? Number.NaN;
}

/** Rejects when the upload is refused. */
async function putMs(world: World, key: string, number: number): Promise<number> {
  const one = await picture(number);
  const startedMs = performance.now();
  await world.put(BUCKET, key, one);
  return Math.round(performance.now() - startedMs);
}
