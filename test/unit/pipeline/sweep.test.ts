import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { refusalBasis, desiredOf, type Wanted } from '../../../workers/model/desired.ts';
import type { WorkItem } from '../../../workers/model/messages.ts';
import { compareKeys } from '../../../workers/model/object-ref.ts';
import type { ObjectRow } from '../../../workers/model/object-row.ts';
import type { ListedObject } from '../../../workers/model/object-version.ts';
import {
  sweep,
  type SweepCheckpoint,
  type SweepContext,
  type SweepPorts,
  type SweepScope,
} from '../../../workers/pipeline/sweep.ts';
import { AppError, isAppError } from '../../../workers/platform/errors.ts';
import { refOf, versionOf, wanted } from '../../harness/wanted.ts';

const NOW_MS = 1_800_000_000_000;
const decoders = 'sharp 1';
const scope: SweepScope = { store: 'main', bucket: 'photos', prefix: '', dryRun: false, allowRemovals: 0 };

function listed(key: string, over: Partial<ListedObject> = {}): ListedObject {
  const { etag, modifiedAtS, sizeBytes } = versionOf();
  return { key, etag, modifiedAtS, sizeBytes, ...over };
}

function rowOf(key: string, over: Partial<ObjectRow> = {}, config: Wanted = wanted()): ObjectRow {
  const ref = refOf(key);
  const desired = desiredOf(ref, config);
  return {
    ref,
    revision: 7,
    state: 'committed',
    version: versionOf(),
    set: { id: 's', volume: 'v', tier: 'default', fingerprint: desired?.fingerprint ?? '', renditions: [] },
    tier: 'default',
    generation: 1,
    damaged: false,
    metadata: null,
    refusal: null,
    committedAtMs: 0,
    ...over,
  };
}

interface Published {
  readonly lane: string;
  readonly item: WorkItem;
  readonly messageId: string;
}

function world(objects: readonly ListedObject[], rows: readonly ObjectRow[]) {
  const published: Published[] = [];
  const flags: number[] = [];
  const state = {
    tag: 'source-1' as string | null,
    sourceId: 'source-1' as string | null,
    paid: 0,
    running: 0,
    mostRunning: 0,
  };
  const ports: SweepPorts = {
    objects: {
      async *list() {
        yield* objects;
      },
      sourceTag: async () => state.tag,
    },
    index: {
      async *rows() {
        yield* rows;
      },
      sourceId: async () => state.sourceId,
      async paySweep() {
        state.paid++;
      },
      async flagRemovals(_store, _bucket, count) {
        flags.push(count);
      },
    },
    workItems: {
      async publish(tier, lane, job, item, messageId) {
        state.mostRunning = Math.max(state.mostRunning, ++state.running);
        await new Promise((resolve) => setImmediate(resolve));
        state.running--;
        published.push({ lane: `${tier} ${lane} ${job}`, item, messageId });
      },
    },
  };
  const context = (over: Partial<SweepContext> = {}): SweepContext => ({
    wanted: wanted(),
    decoders,
    nowMs: NOW_MS,
    signal: new AbortController().signal,
    ...over,
  });
  const run = (over: Partial<SweepScope> = {}, ctx: Partial<SweepContext> = {}) =>
    sweep({ ...scope, ...over }, ports, context(ctx));
  return {
    run,
    ports,
    published,
    flags,
    state,
    told: () => published.map(({ item }) => `${item.reason} ${item.ref.key}`).sort(),
  };
}

const many = (count: number, prefix = 'k'): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${String(at).padStart(5, '0')}`);

describe('sweep: what differs', () => {
  const refused = (over: Partial<NonNullable<ObjectRow['refusal']>>) =>
    rowOf('a', {
      state: 'refused',
      set: null,
      refusal: { code: 'X', message: '', basis: refusalBasis(wanted(), decoders), retryAtMs: null, ...over },
    });
  const otherSet = (over: Partial<NonNullable<ObjectRow['set']>>) => {
    const row = rowOf('a');
    return { ...row, set: row.set === null ? null : { ...row.set, ...over } };
  };
  const here = listed('a');
  const cases: readonly [string, ListedObject | null, ObjectRow | null, string | null][] = [
    ['row and object agree', here, rowOf('a'), null],
    ['an object without a row', here, null, 'missing'],
    ['an object whose row says removed', here, rowOf('a', { state: 'removed' }), 'missing'],
    ['another etag', listed('a', { etag: 'e2' }), rowOf('a'), 'stale'],
    ['another second', listed('a', { modifiedAtS: 1 }), rowOf('a'), 'stale'],
    ['another size', listed('a', { sizeBytes: 1 }), rowOf('a'), 'stale'],
    ['presets that changed', here, otherSet({ fingerprint: 'old' }), 'stale'],
    ['a tier that changed', here, otherSet({ tier: 'cold' }), 'stale'],
    ['a committed row without its set', here, rowOf('a', { set: null }), 'stale'],
    ['a plain row', here, rowOf('a', { state: 'plain', set: null }), null],
    ['a refusal that stands', here, refused({}), null],
    ['a refusal under other limits', here, refused({ basis: 'old' }), 'stale'],
    ['a refusal whose retry is due', here, refused({ retryAtMs: NOW_MS }), 'stale'],
    ['a refusal whose retry is to come', here, refused({ retryAtMs: NOW_MS + 1 }), null],
    ['a row without its object', null, rowOf('a'), 'gone'],
    ['a refused row without its object', null, refused({}), 'gone'],
    ['a removal that was never told', null, rowOf('a', { state: 'removed' }), 'gone'],
    ['I11: a row of a newer configuration', listed('a', { etag: 'e2' }), rowOf('a', { generation: 2 }), null],
    ['I11: a row of a newer configuration, without its object', null, rowOf('a', { generation: 2 }), null],
  ];
  for (const [title, object, row, difference] of cases) {
    test(`${title}: ${difference ?? 'nothing'}`, async () => {
      const w = world(object === null ? [] : [object], row === null ? [] : [row]);
      const report = await w.run();
      assert.deepEqual(w.told(), difference === null ? [] : [`sweep: ${difference} a`]);
      if (difference !== null) assert.equal(report[difference as 'missing'], 1);
      assert.equal(report.published, difference === null ? 0 : 1);
      assert.equal(report.withheld, 0);
      for (const { lane } of w.published) assert.equal(lane, 'default bulk sweep');
    });
  }

  test('an object that no source covers and no row knows is none of ours', async () => {
    const config = wanted({ sources: [{ bucket: 'photos', prefix: 'in/', presets: ['thumb'], tier: 'default' }] });
    const w = world([listed('a'), listed('in/b')], []);
    await w.run({}, { wanted: config });
    assert.deepEqual(w.told(), ['sweep: missing in/b']);
  });

  test('a missing object goes to the lane of the tier it is wanted on, a gone one to that of its row', async () => {
    const config = wanted({
      sources: [
        { bucket: 'photos', prefix: '', presets: ['thumb'], tier: 'default' },
        { bucket: 'photos', prefix: 'hot/', presets: ['thumb'], tier: 'fast' },
      ],
    });
    const w = world(
      [listed('hot/new')],
      [rowOf('gone', { tier: 'fast' }), rowOf('hot/gone'), rowOf('hot/unknown', { tier: 'sold' })],
    );
    await w.run({}, { wanted: config });
    assert.deepEqual(w.published.map(({ lane, item }) => `${item.ref.key} ${lane}`).sort(), [
      'gone fast bulk sweep',
      'hot/gone default bulk sweep',
      'hot/new fast bulk sweep',
      'hot/unknown fast bulk sweep',
    ]);
  });

  test('keys are walked by their UTF-8 bytes', async () => {
    const keys = ['a', '\uffe6.jpg', '\u{1f600}.jpg'];
    const w = world(
      keys.map((key) => listed(key)),
      keys.map((key) => rowOf(key)),
    );
    assert.equal((await w.run()).published, 0);
    const partly = world(
      keys.map((key) => listed(key)),
      keys.slice(2).map((key) => rowOf(key)),
    );
    await partly.run();
    assert.deepEqual(partly.told(), ['sweep: missing a', 'sweep: missing \uffe6.jpg']);
  });

  test('keys that do not ascend end the sweep: in another order what is there would look gone', async () => {
    const w = world([listed('b'), listed('a')], [rowOf('a'), rowOf('b')]);
    await assert.rejects(w.run(), (error) => isAppError(error, 'OUT_OF_ORDER'));
    assert.deepEqual(w.flags, []);
    assert.equal(w.state.paid, 0);
  });

  test('I2: whatever is on either side, exactly what differs is published', async () => {
    const side = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(side, side, async (left, right) => {
        const w = world(
          left.toSorted(compareKeys).map((key) => listed(key)),
          right.toSorted(compareKeys).map((key) => rowOf(key)),
        );
        const report = await w.run();
        const missing = left.filter((key) => !right.includes(key));
        const gone = right.filter((key) => !left.includes(key));
        assert.deepEqual(
          w.told(),
          [...missing.map((key) => `sweep: missing ${key}`), ...gone.map((key) => `sweep: gone ${key}`)].sort(),
        );
        assert.deepEqual([report.listed, report.rows, report.withheld], [left.length, right.length, 0]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('sweep: removals', () => {
  test('I5: one more than the guard lets go: no removal is published, the rest is, and it is flagged', async () => {
    const keys = many(50);
    const w = world(
      [listed('z')],
      keys.slice(0, 11).map((key) => rowOf(key)),
    );
    const report = await w.run();
    assert.deepEqual(w.told(), ['sweep: missing z']);
    assert.deepEqual([report.gone, report.withheld, report.reason], [11, 11, 'TOO_MANY']);
    assert.deepEqual(w.flags, [11]);
  });

  test('I5: told so it publishes them, and the flag goes', async () => {
    const w = world(
      [],
      many(5_000).map((key) => rowOf(key)),
    );
    assert.equal((await w.run({ allowRemovals: 4_999 })).published, 0);
    const report = await w.run({ allowRemovals: 5_000 });
    assert.deepEqual([report.published, report.withheld, report.reason], [5_000, 0, null]);
    assert.deepEqual(w.flags, [5_000, 0]);
  });

  test('I5: one in a hundred goes, more than a thousand never', async () => {
    const keys = many(2_000);
    const atLimit = world(
      keys.slice(20).map((key) => listed(key)),
      keys.map((key) => rowOf(key)),
    );
    assert.equal((await atLimit.run()).published, 20);
    const beyond = world(
      keys.slice(21).map((key) => listed(key)),
      keys.map((key) => rowOf(key)),
    );
    assert.equal((await beyond.run()).withheld, 21);
  });

  test('removals wait for the end of the listing', async () => {
    const w = world([], [rowOf('a')]);
    const list = async function* () {
      yield listed('b');
      yield listed('c');
      throw new AppError('STORE_AWAY', 'connection lost');
    };
    const ports = { ...w.ports, objects: { ...w.ports.objects, list } };
    const ctx = { wanted: wanted(), decoders, nowMs: NOW_MS, signal: new AbortController().signal };
    await assert.rejects(sweep(scope, ports, ctx), (error) => isAppError(error, 'STORE_AWAY'));
    assert.deepEqual(w.told(), ['sweep: missing b', 'sweep: missing c']);
    assert.equal(w.state.paid, 0);
  });

  test('I7: a bucket without the tag the index knows is not even listed', async () => {
    for (const [tag, sourceId] of [
      [null, 'source-1'],
      ['other', 'source-1'],
      ['source-1', null],
      [null, null],
    ] as const) {
      const w = world([listed('a')], [rowOf('b')]);
      Object.assign(w.state, { tag, sourceId });
      await assert.rejects(w.run(), (error) => isAppError(error, 'SOURCE_NOT_PROVEN'));
      assert.deepEqual(w.published, []);
    }
  });

  test('I7: a bucket that loses its tag while it is listed removes nothing, and the sweep is still owed', async () => {
    const w = world([], [rowOf('a')]);
    const list = async function* () {
      w.state.tag = null;
      yield listed('b');
    };
    const ports = { ...w.ports, objects: { ...w.ports.objects, list } };
    const report = await sweep(scope, ports, {
      wanted: wanted(),
      decoders,
      nowMs: NOW_MS,
      signal: new AbortController().signal,
    });
    assert.deepEqual(w.told(), ['sweep: missing b']);
    assert.deepEqual([report.withheld, report.reason], [1, 'SOURCE_NOT_PROVEN']);
    assert.deepEqual(w.flags, [1]);
    assert.equal(w.state.paid, 0);
  });

  test('I5: what a dropped source left behind waits to be told, be it one', async () => {
    const config = wanted({ sources: [{ bucket: 'photos', prefix: 'kept/', presets: ['thumb'], tier: 'default' }] });
    const objects = [listed('dropped/a')];
    const rows = [rowOf('dropped/a'), rowOf('kept/gone')];
    const w = world(objects, rows);
    const report = await w.run({}, { wanted: config });
    assert.deepEqual(w.told(), ['sweep: gone kept/gone']);
    assert.deepEqual([report.uncovered, report.withheld, report.reason], [1, 1, 'SOURCE_DROPPED']);
    assert.deepEqual(w.flags, [1]);
    const told = await w.run({ allowRemovals: 2 }, { wanted: config });
    assert.deepEqual([told.published, told.withheld], [2, 0]);
  });

  test('removals already made and never told are not the guard’s', async () => {
    const w = world(
      [],
      many(30).map((key) => rowOf(key, { state: 'removed' })),
    );
    const report = await w.run();
    assert.deepEqual([report.gone, report.published, report.withheld], [30, 30, 0]);
  });
});

describe('sweep: publishing', () => {
  test('a repeated sweep has the same message ids, a changed sight another', async () => {
    const ids = async (object: ListedObject, row: ObjectRow, config = wanted()) => {
      const w = world([object], [row]);
      await w.run({}, { wanted: config });
      return w.published[0]?.messageId;
    };
    const first = await ids(listed('a', { etag: 'e2' }), rowOf('a'));
    assert.match(first ?? '', /^sweep-/);
    assert.equal(await ids(listed('a', { etag: 'e2' }), rowOf('a')), first);
    assert.notEqual(await ids(listed('a', { etag: 'e3' }), rowOf('a')), first);
    assert.notEqual(await ids(listed('a', { etag: 'e2' }), rowOf('a', { revision: 8 })), first);
    assert.notEqual(await ids(listed('a', { etag: 'e2' }), rowOf('a'), wanted({ generation: 2 })), first);
    assert.notEqual(await ids(listed('b', { etag: 'e2' }), rowOf('b')), first);
  });

  test('a dry run counts the same, and publishes, flags and pays nothing', async () => {
    const objects = [listed('b'), listed('c', { etag: 'e2' })];
    const rows = [...many(11, 'a').map((key) => rowOf(key)), rowOf('c')];
    const found: string[] = [];
    const w = world(objects, rows);
    const report = await w.run(
      { dryRun: true },
      { found: (difference, { key }) => found.push(`${difference} ${key}`) },
    );
    assert.deepEqual([report.missing, report.stale, report.gone, report.published, report.withheld], [1, 1, 11, 0, 11]);
    assert.deepEqual([w.published, w.flags, w.state.paid], [[], [], 0]);
    assert.equal(found.length, 13);
  });

  test('so many publishes are under way at once and no more, and all are over at the end', async () => {
    const w = world(
      many(1_000).map((key) => listed(key)),
      [],
    );
    const report = await w.run();
    assert.equal(report.published, 1_000);
    assert.equal(w.published.length, 1_000);
    assert.ok(w.state.mostRunning > 1 && w.state.mostRunning <= 64, `${w.state.mostRunning} at once`);
  });

  test('a publish that fails ends the sweep, with none left running', async () => {
    const w = world(
      many(500).map((key) => listed(key)),
      [rowOf('z')],
    );
    let sent = 0;
    const publish: SweepPorts['workItems']['publish'] = async (...args) => {
      if (++sent === 100) throw new AppError('STREAM_FULL', 'no room');
      await w.ports.workItems.publish(...args);
    };
    const ctx = { wanted: wanted(), decoders, nowMs: NOW_MS, signal: new AbortController().signal };
    await assert.rejects(sweep(scope, { ...w.ports, workItems: { publish } }, ctx), (error) =>
      isAppError(error, 'STREAM_FULL'),
    );
    assert.equal(w.state.running, 0);
    assert.ok(sent < 200, `${sent} sent`);
    assert.equal(w.state.paid, 0);
  });

  test('only a sweep of the whole bucket pays what is owed', async () => {
    const w = world([], []);
    await w.run({ prefix: 'some/' });
    assert.equal(w.state.paid, 0);
    await w.run();
    assert.equal(w.state.paid, 1);
  });

  test('an abort ends it, closing both streams', async () => {
    const aborter = new AbortController();
    const closed: string[] = [];
    const stream = async function* <T>(name: string, make: (key: string) => T) {
      try {
        for (const key of many(1_000)) yield make(key);
      } finally {
        closed.push(name);
      }
    };
    const w = world([], []);
    const ports = {
      ...w.ports,
      objects: { ...w.ports.objects, list: () => stream('listing', (key) => listed(key, { etag: 'e2' })) },
      index: { ...w.ports.index, rows: () => stream('rows', (key) => rowOf(key)) },
    };
    const found = () => aborter.abort(new Error('enough'));
    const ctx = { wanted: wanted(), decoders, nowMs: NOW_MS, signal: aborter.signal, found };
    await assert.rejects(sweep(scope, ports, ctx), /enough/);
    assert.deepEqual(closed.sort(), ['listing', 'rows']);
  });
});

describe('sweep: resumed', () => {
  /** A world that honours `after`, and the checkpoints of a sweep that fails at the given key. */
  function broken(objects: readonly ListedObject[], rows: readonly ObjectRow[], failAt: string) {
    const w = world(objects, rows);
    const saved: string[] = [];
    let fails = true;
    const ports: SweepPorts = {
      ...w.ports,
      objects: {
        ...w.ports.objects,
        async *list(_bucket, _prefix, after) {
          for (const object of objects) {
            if (after !== undefined && compareKeys(object.key, after) <= 0) continue;
            if (fails && object.key === failAt) throw new AppError('STORE_AWAY', 'connection lost');
            yield object;
          }
        },
      },
      index: {
        ...w.ports.index,
        async *rows(_store, _bucket, _prefix, after) {
          for (const row of rows) if (after === undefined || compareKeys(row.ref.key, after) > 0) yield row;
        },
      },
    };
    const run = (over: Partial<SweepScope> = {}) => {
      const last = saved.at(-1);
      return sweep({ ...scope, ...over }, ports, {
        wanted: wanted(),
        decoders,
        nowMs: NOW_MS,
        signal: new AbortController().signal,
        resume: last === undefined ? undefined : (JSON.parse(last) as SweepCheckpoint),
        save: async (checkpoint) => void saved.push(JSON.stringify(checkpoint)),
      });
    };
    return { ...w, saved, run, heal: () => (fails = false) };
  }

  test('it goes on behind the last checkpoint, and in the end says what one run would have said', async () => {
    const keys = many(9_000);
    const objects = keys.filter((_, at) => at % 3 !== 0).map((key) => listed(key));
    const rows = keys.filter((_, at) => at % 3 !== 1).map((key) => rowOf(key));
    const whole = await world(objects, rows).run();
    const b = broken(objects, rows, keys[7_000] ?? '');
    await assert.rejects(b.run(), (error) => isAppError(error, 'STORE_AWAY'));
    assert.ok(b.saved.length >= 11, 'every 200 that were published');
    b.heal();
    assert.deepEqual(await b.run(), whole);
    const again = new Set(b.published.map(({ messageId }) => messageId));
    assert.equal(again.size, whole.missing, 'what was published twice is one message');
  });

  test('removals found before the break are still counted by the guard, and published with it', async () => {
    const keys = many(5_000);
    const objects = keys.slice(8).map((key) => listed(key));
    const rows = keys.map((key) => rowOf(key));
    const b = broken(objects, rows, keys[4_500] ?? '');
    await assert.rejects(b.run());
    assert.deepEqual([b.published, b.saved.length], [[], 2], 'every 2,000 keys');
    b.heal();
    const report = await b.run();
    assert.deepEqual([report.gone, report.published, report.withheld], [8, 8, 0]);
    assert.deepEqual(
      b.told(),
      keys.slice(0, 8).map((key) => `sweep: gone ${key}`),
    );
  });

  test('a checkpoint is made only when everything before it is published', async () => {
    const keys = many(4_500);
    const b = broken(
      keys.map((key) => listed(key)),
      [],
      'never',
    );
    const order: string[] = [];
    const publish: SweepPorts['workItems']['publish'] = async (...item) => {
      await b.ports.workItems.publish(...item);
      order.push(item[3].ref.key);
    };
    const counts: number[] = [];
    await sweep(
      scope,
      { ...b.ports, workItems: { publish } },
      {
        wanted: wanted(),
        decoders,
        nowMs: NOW_MS,
        signal: new AbortController().signal,
        save: async ({ after }) => {
          counts.push(order.length);
          assert.ok(order.includes(after));
        },
      },
    );
    assert.deepEqual(
      counts,
      Array.from({ length: 22 }, (_, at) => (at + 1) * 200),
    );
  });
});
