import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desiredOf, refusalBasis } from '../../../workers/model/desired.ts';
import { compareKeys } from '../../../workers/model/object-ref.ts';
import type { ObjectRow } from '../../../workers/model/object-row.ts';
import type { ListedObject } from '../../../workers/model/object-version.ts';
import type { BackfillRequest } from '../../../workers/model/pass.ts';
import { backfill, type BackfillCheckpoint } from '../../../workers/pipeline/backfill.ts';
import { publishDueRetries } from '../../../workers/pipeline/due-retries.ts';
import type { DueRetry } from '../../../workers/pipeline/ports.ts';
import { AppError, isAppError } from '../../../workers/platform/errors.ts';
import { refOf, versionOf, wanted } from '../../harness/wanted.ts';

const decoders = 'sharp 1';
const request: BackfillRequest = {
  kind: 'backfill',
  store: 'main',
  bucket: 'photos',
  prefix: '',
  sinceS: null,
  preset: null,
  state: null,
};
const { etag, modifiedAtS, sizeBytes } = versionOf();

function listed(key: string, over: Partial<ListedObject> = {}): ListedObject {
  return { key, etag, modifiedAtS, sizeBytes, ...over };
}

function row(key: string, over: Partial<ObjectRow> = {}, fingerprint?: string): ObjectRow {
  const ref = refOf(key);
  const desired = fingerprint ?? desiredOf(ref, wanted())?.fingerprint ?? '';
  return {
    ref,
    revision: 3,
    state: 'committed',
    version: versionOf(),
    set: { id: 's', volume: 'v', tier: 'default', fingerprint: desired, renditions: [] },
    tier: 'default',
    generation: 1,
    damaged: false,
    metadata: null,
    refusal: null,
    committedAtMs: 0,
    ...over,
  };
}

const refusal = { code: 'X', message: '', basis: refusalBasis(wanted(), decoders), retryAtMs: null };

/** right, new, changed, presets, old refusal that stands, refusal on another basis, a row without object. */
const OBJECTS = [
  listed('a-right'),
  listed('b-new'),
  listed('c-changed', { etag: 'other', modifiedAtS: modifiedAtS + 100 }),
  listed('d-presets'),
  listed('e-refused'),
  listed('f-refused-once'),
];
const ROWS = [
  row('a-right'),
  row('c-changed'),
  row('d-presets', {}, 'old recipes'),
  row('e-refused', { state: 'refused', set: null, refusal }),
  row('f-refused-once', { state: 'refused', set: null, refusal: { ...refusal, basis: 'before' } }),
  row('g-gone'),
];

function world(objects = OBJECTS, rows = ROWS, failAt?: string) {
  const published: string[] = [];
  const run = (
    over: Partial<BackfillRequest> = {},
    {
      dry = false,
      ...ctx
    }: { dry?: boolean; resume?: BackfillCheckpoint; save?: (at: BackfillCheckpoint) => Promise<void> } = {},
  ) =>
    backfill(
      { ...request, ...over },
      {
        objects: {
          async *list(_bucket, _prefix, after) {
            for (const object of objects) {
              if (object.key === failAt && after === undefined) throw new AppError('STORE_AWAY', 'lost');
              if (after === undefined || compareKeys(object.key, after) > 0) yield object;
            }
          },
        },
        index: {
          async *rows(_store, _bucket, _prefix, after) {
            for (const one of rows) if (after === undefined || compareKeys(one.ref.key, after) > 0) yield one;
          },
        },
        workItems: dry
          ? null
          : {
              publish: async (tier, lane, job, { ref, reason }, id) => {
                assert.deepEqual([tier, lane, job], ['default', 'bulk', 'backfill-1']);
                assert.ok(
                  id.startsWith('backfill-1-1800000000000-'),
                  'what was cancelled can be asked for again at once',
                );
                published.push(`${ref.key} ${reason}`);
              },
            },
      },
      {
        wanted: wanted(),
        decoders,
        nowMs: 1_800_000_000_000,
        job: 'backfill-1',
        signal: new AbortController().signal,
        ...ctx,
      },
    );
  return { run, published };
}

test('what is not as desired is published with its cause, and nothing else; nothing is removed', async () => {
  const { run, published } = world();
  const report = await run();
  assert.deepEqual(published.sort(), [
    'b-new backfill: new',
    'c-changed backfill: changed',
    'd-presets backfill: presets',
    'f-refused-once backfill: retry',
  ]);
  const { listed: all, matched, published: count } = report;
  assert.deepEqual([all, matched, count], [6, 6, 4]);
});

test('a dry run counts the same and publishes nothing', async () => {
  const dry = world();
  assert.deepEqual(await dry.run({}, { dry: true }), await world().run());
  assert.deepEqual(dry.published, []);
});

test('state, time and preset narrow it', async () => {
  const cases: readonly [Partial<BackfillRequest>, readonly string[]][] = [
    [{ state: 'missing' }, ['b-new']],
    [{ state: 'refused' }, ['f-refused-once']],
    [{ state: 'committed' }, ['c-changed', 'd-presets']],
    [{ state: 'plain' }, []],
    [{ sinceS: modifiedAtS + 1 }, ['c-changed']],
    [{ sinceS: modifiedAtS + 100 }, ['c-changed']],
    [{ sinceS: modifiedAtS + 101 }, []],
    [{ preset: 'nobody-wants-it' }, []],
    [
      { preset: desiredOf(refOf('a'), wanted())?.presets[0]?.name ?? '' },
      ['b-new', 'c-changed', 'd-presets', 'f-refused-once'],
    ],
  ];
  for (const [over, keys] of cases) {
    const { run, published } = world();
    const { listed: all } = await run(over);
    assert.deepEqual(published.map((text) => text.split(' ')[0] ?? '').sort(), keys, JSON.stringify(over));
    assert.equal(all, 6, 'all that is there is counted');
  }
});

test('it goes on behind its checkpoint', async () => {
  const keys = Array.from({ length: 5_000 }, (_, at) => `k${String(at).padStart(5, '0')}`);
  const saved: BackfillCheckpoint[] = [];
  const { run, published } = world(
    keys.map((key) => listed(key)),
    [],
    keys[4_500],
  );
  const save = async (at: BackfillCheckpoint) => void saved.push(structuredClone(at));
  await assert.rejects(run({}, { save }), (error) => isAppError(error, 'STORE_AWAY'));
  assert.deepEqual([saved.length, saved.at(-1)?.counts.published], [22, 4_400]);
  const resume = saved.at(-1);
  assert.ok(resume !== undefined);
  published.length = 0;
  assert.equal((await run({}, { save, resume })).published, 5_000);
  assert.equal(published.length, 600);
});

test('due retries go urgent, so many a round and tier; a tier that is still busy with some gets none', async () => {
  const due = (key: string, generation = 1): DueRetry => ({ ref: refOf(key), revision: 9, generation });
  const round = async (busy: ReadonlyMap<string, number>, most = 2) => {
    const published: string[] = [];
    const report = await publishDueRetries(
      {
        index: {
          async *dueRetries() {
            yield* [
              due('newer', 99),
              { ...due('x'), ref: { ...refOf('x'), bucket: 'nobodys' } },
              due('a'),
              due('b'),
              due('c'),
            ];
          },
        },
        workItems: {
          publish: async (tier, lane, job, { ref, reason }, id) => {
            assert.deepEqual([tier, lane, job, reason], ['default', 'urgent', 'retry', 'retry']);
            assert.match(id, /^retry-.*-9$/);
            published.push(ref.key);
          },
        },
        outstanding: { byTier: async () => busy },
      },
      { wanted: wanted(), most, signal: new AbortController().signal },
    );
    return { report, published };
  };
  const free = await round(new Map());
  assert.deepEqual(free.published, ['a', 'b']);
  assert.deepEqual(free.report, { due: 5, published: 2 });
  assert.deepEqual((await round(new Map([['default', 1]]))).published, []);
  assert.deepEqual((await round(new Map([['other', 1]]), 9)).published, ['a', 'b', 'c']);
});
