import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { collect } from '../../../workers/pipeline/collect.ts';
import { AppError, isAppError } from '../../../workers/platform/errors.ts';
import { keeperWorld, VOLUME } from './keeper-world.ts';

const GRACE_MS = 600_000;
const options = { graceMs: GRACE_MS, batch: 3, signal: new AbortController().signal };

describe('collect', () => {
  test('I4: a condemned set stays readable until its grace is over, and goes then', async () => {
    const world = keeperWorld();
    const setId = world.condemned();
    world.advance(GRACE_MS - 1);
    assert.deepEqual(await collect(VOLUME, world, options), { removed: 0, failed: [] });
    assert.equal(world.volume.has(setId), true);
    world.advance(1);
    assert.deepEqual(await collect(VOLUME, world, options), { removed: 1, failed: [] });
    assert.equal(world.volume.has(setId), false);
    assert.equal(world.memory.set(setId), undefined);
  });

  test('live and writing sets are left', async () => {
    const world = keeperWorld();
    const kept = [world.live(), world.claimed()];
    world.advance(GRACE_MS * 2);
    await collect(VOLUME, world, options);
    for (const setId of kept) assert.equal(world.volume.has(setId), true);
  });

  test('many batches go in one run', async () => {
    const world = keeperWorld();
    for (let at = 0; at < 10; at++) world.condemned();
    world.advance(GRACE_MS);
    assert.deepEqual(await collect(VOLUME, world, options), { removed: 10, failed: [] });
    assert.deepEqual(world.volume.setIds(), []);
  });

  test('the directory goes before the row, so that a crash between is taken up again', async () => {
    const world = keeperWorld();
    const setId = world.condemned();
    world.advance(GRACE_MS);
    const dies: typeof world.ledger = { ...world.ledger, forget: () => Promise.reject(new Error('killed')) };
    await assert.rejects(collect(VOLUME, { ...world, ledger: dies }, options), /killed/);
    assert.equal(world.volume.has(setId), false);
    assert.notEqual(world.memory.set(setId), undefined);
    assert.deepEqual(await collect(VOLUME, world, options), { removed: 1, failed: [] });
    assert.deepEqual(world.steps, [`remove ${setId}`, `remove ${setId}`, `forget ${setId}`]);
  });

  test('I7: where the volume is not proven nothing is removed and no row is forgotten', async () => {
    for (const [marker, code] of [
      [null, 'WRONG_VOLUME'],
      [{ volumeId: VOLUME, indexId: 'index-2' }, 'WRONG_INDEX'],
    ] as const) {
      const world = keeperWorld();
      const setId = world.condemned();
      world.advance(GRACE_MS);
      world.volume.marker = marker;
      await assert.rejects(collect(VOLUME, world, options), (error) => isAppError(error, code));
      assert.equal(world.volume.has(setId), true);
      assert.notEqual(world.memory.set(setId), undefined);
    }
  });

  test('one directory that will not go holds up no other, and is told', async () => {
    const world = keeperWorld();
    const stuck = Array.from({ length: 4 }, () => world.condemned());
    for (let at = 0; at < 7; at++) world.condemned();
    world.advance(GRACE_MS);
    const remove = async (setId: string) => {
      if (stuck.includes(setId)) throw new AppError('SET_NOT_REMOVED', 'EIO');
      await world.directories.remove(setId);
    };
    const report = await collect(VOLUME, { ...world, directories: { ...world.directories, remove } }, options);
    assert.deepEqual(report, { removed: 7, failed: stuck });
    assert.deepEqual(world.volume.setIds(), stuck);
    for (const setId of stuck) assert.notEqual(world.memory.set(setId), undefined);
  });

  test('where nothing will go it gives up soon', async () => {
    const world = keeperWorld();
    for (let at = 0; at < 100; at++) world.condemned();
    world.advance(GRACE_MS);
    let asked = 0;
    const remove = async () => {
      asked++;
      throw new AppError('SET_NOT_REMOVED', 'EIO');
    };
    await collect(VOLUME, { ...world, directories: { ...world.directories, remove } }, options);
    assert.ok(asked < 30, `${asked} tries`);
  });

  test('an abort ends it between two sets', async () => {
    const world = keeperWorld();
    for (let at = 0; at < 5; at++) world.condemned();
    world.advance(GRACE_MS);
    const aborter = new AbortController();
    const remove = async (setId: string) => {
      await world.directories.remove(setId);
      aborter.abort();
    };
    const ports = { ...world, directories: { ...world.directories, remove } };
    assert.deepEqual(await collect(VOLUME, ports, { ...options, signal: aborter.signal }), { removed: 1, failed: [] });
  });
});
