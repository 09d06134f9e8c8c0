import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { scrub } from '../../../workers/pipeline/scrub.ts';
import { AppError, isAppError } from '../../../workers/platform/errors.ts';
import { keeperWorld, VOLUME } from './keeper-world.ts';

const GRACE_MS = 600_000;
const options = { graceMs: GRACE_MS, allowRemovals: 0, signal: new AbortController().signal };

describe('scrub', () => {
  test('an expired claim is condemned, a leased one is left', async () => {
    const world = keeperWorld();
    const expired = world.claimed();
    world.advance(60_000);
    const leased = world.claimed();
    const report = await scrub(VOLUME, world, options);
    assert.equal(report.expired, 1);
    assert.equal(world.memory.set(expired)?.state, 'condemned');
    assert.equal(world.memory.set(leased)?.state, 'writing');
    assert.deepEqual(world.steps, []);
  });

  test('I5: what no row knows goes after the grace, complete or not; whatever has a row is left', async () => {
    const world = keeperWorld();
    const known = [world.live(), world.claimed(), world.condemned()];
    const orphan = world.orphan();
    world.advance(GRACE_MS - 1);
    const early = await scrub(VOLUME, world, options);
    assert.equal(early.removed, 0);
    assert.equal(early.unknown, 1);
    world.advance(1);
    const late = await scrub(VOLUME, world, options);
    assert.equal(late.removed, 1);
    assert.equal(late.unknownComplete, 1);
    assert.equal(world.volume.has(orphan), false);
    for (const setId of known) assert.equal(world.volume.has(setId), true);
  });

  test('the row is read after the directory was listed: a set claimed during the scrub is never taken for unknown', async () => {
    const world = keeperWorld();
    world.orphan();
    world.advance(GRACE_MS);
    let late: string | undefined;
    async function* list() {
      for await (const found of world.directories.list()) {
        late ??= world.claimed();
        yield found;
        yield { setId: late, ageMs: GRACE_MS, complete: true };
      }
    }
    const report = await scrub(VOLUME, { ...world, directories: { ...world.directories, list } }, options);
    assert.equal(report.removed, 1);
    assert.equal(world.volume.has(late ?? ''), true);
  });

  test('a directory that got a row after it was listed is left', async () => {
    const world = keeperWorld();
    const orphan = world.orphan();
    world.advance(GRACE_MS);
    let asked = 0;
    const ledger = { ...world.ledger, stateOf: async () => (++asked === 1 ? null : ('live' as const)) };
    const report = await scrub(VOLUME, { ...world, ledger }, options);
    assert.equal(report.removed, 0);
    assert.equal(world.volume.has(orphan), true);
  });

  test('I5: more unknown ones than the guard lets go: none is removed, it is flagged, and goes when told so', async () => {
    const world = keeperWorld();
    for (let at = 0; at < 20; at++) world.live();
    const orphans = Array.from({ length: 11 }, () => world.orphan());
    world.advance(GRACE_MS);
    const held = await scrub(VOLUME, world, options);
    assert.deepEqual(held.withheld, { count: 11, limit: 10 });
    assert.equal(held.removed, 0);
    assert.deepEqual(world.steps, []);
    assert.deepEqual((await scrub(VOLUME, world, { ...options, allowRemovals: 10 })).withheld, {
      count: 11,
      limit: 10,
    });
    const told = await scrub(VOLUME, world, { ...options, allowRemovals: 11 });
    assert.equal(told.removed, 11);
    assert.equal(told.withheld, null);
    for (const setId of orphans) assert.equal(world.volume.has(setId), false);
  });

  test('I5: an index that has forgotten everything loses no rendition', async () => {
    const world = keeperWorld();
    const sets = Array.from({ length: 50 }, () => world.orphan());
    world.advance(GRACE_MS);
    assert.deepEqual((await scrub(VOLUME, world, options)).withheld, { count: 50, limit: 10 });
    for (const setId of sets) assert.equal(world.volume.has(setId), true);
  });

  test('young unknown ones do not count against the guard', async () => {
    const world = keeperWorld();
    world.orphan();
    world.advance(GRACE_MS);
    for (let at = 0; at < 30; at++) world.orphan();
    const report = await scrub(VOLUME, world, options);
    assert.equal(report.removed, 1);
    assert.equal(report.unknown, 31);
  });

  test('I7: where the volume is not proven nothing is removed', async () => {
    for (const [marker, code] of [
      [null, 'WRONG_VOLUME'],
      [{ volumeId: VOLUME, indexId: 'index-2' }, 'WRONG_INDEX'],
    ] as const) {
      const world = keeperWorld();
      world.orphan();
      world.advance(GRACE_MS);
      world.volume.marker = marker;
      await assert.rejects(scrub(VOLUME, world, options), (error) => isAppError(error, code));
      assert.deepEqual(world.steps, []);
    }
  });

  test('with the index away nothing is removed', async () => {
    const world = keeperWorld();
    world.orphan();
    world.advance(GRACE_MS);
    const away = () => Promise.reject(new AppError('INDEX_AWAY', 'no connection'));
    for (const broken of [{ stateOf: away }, { count: away }, { condemnExpired: away }]) {
      await assert.rejects(scrub(VOLUME, { ...world, ledger: { ...world.ledger, ...broken } }, options));
      assert.deepEqual(world.steps, []);
    }
  });

  test('rows without a directory are counted', async () => {
    const world = keeperWorld();
    const [lost, kept] = [world.live(), world.live()];
    world.volume.remove(lost);
    const report = await scrub(VOLUME, world, options);
    assert.equal(report.missing, 1);
    assert.equal(world.volume.has(kept), true);
  });

  test('aborted in the midst of the listing it removes nothing and says so', async () => {
    const world = keeperWorld();
    for (let at = 0; at < 5; at++) world.orphan();
    world.advance(GRACE_MS);
    const report = await scrub(VOLUME, world, { ...options, signal: AbortSignal.abort() });
    assert.equal(report.finished, false);
    assert.deepEqual(world.steps, []);
  });

  test('one directory that will not go holds up no other', async () => {
    const world = keeperWorld();
    const stuck = world.orphan();
    world.orphan();
    world.advance(GRACE_MS);
    const remove = async (setId: string) => {
      if (setId === stuck) throw new AppError('SET_NOT_REMOVED', 'EIO');
      await world.directories.remove(setId);
    };
    const report = await scrub(VOLUME, { ...world, directories: { ...world.directories, remove } }, options);
    assert.deepEqual([report.removed, report.failed], [1, [stuck]]);
  });
});
