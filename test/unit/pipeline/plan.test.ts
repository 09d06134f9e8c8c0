import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { desiredOf, refusalBasis } from '../../../workers/model/desired.ts';
import type { ObjectRow } from '../../../workers/model/object-row.ts';
import { planFor } from '../../../workers/pipeline/plan.ts';
import type { Sighting } from '../../../workers/pipeline/ports.ts';
import { refOf, somePicture, versionOf, wanted } from '../../harness/wanted.ts';

const ref = refOf('cat.jpg');
const config = wanted();
const desired = desiredOf(ref, config);
assert.ok(desired);
const present = { decoders: 'sharp 1', nowMs: 1_000_000, removeUncovered: false };
const seen = (over = {}): Sighting => ({ kind: 'present', version: versionOf(over) });
const gone: Sighting = { kind: 'gone', sourceTag: 'tag' };

function row(over: Partial<ObjectRow> = {}): ObjectRow {
  return {
    ref,
    revision: 7,
    state: 'committed',
    version: versionOf(),
    set: { id: 's', volume: 'v', tier: 'default', fingerprint: desired?.fingerprint ?? '', renditions: [] },
    tier: 'default',
    generation: 1,
    damaged: false,
    metadata: somePicture,
    refusal: null,
    committedAtMs: 0,
    ...over,
  };
}

function refused(over: Partial<NonNullable<ObjectRow['refusal']>> = {}): ObjectRow {
  const refusal = { code: 'X', message: 'x', basis: refusalBasis(config, present.decoders), retryAtMs: null, ...over };
  return row({ state: 'refused', set: null, refusal });
}

function plan(
  theRow: ObjectRow | null,
  sighting: Sighting,
  over: { key?: string; proven?: boolean; config?: typeof config } = {},
) {
  const observed = { ref: over.key ? refOf(over.key) : ref, row: theRow, sighting, sourceProven: over.proven ?? true };
  return planFor(observed, over.config ?? config, present).kind;
}

describe('planFor', () => {
  test('a new object is rendered', () => assert.equal(plan(null, seen()), 'render'));
  test('what stands is left alone', () => assert.equal(plan(row(), seen()), 'nothing'));
  test('other bytes are rendered', () => assert.equal(plan(row(), seen({ etag: 'e2' })), 'render'));
  test('same bytes under another version only move the row', () => {
    assert.equal(plan(row(), seen({ modifiedAtS: 1_700_000_009 })), 'touch');
    assert.equal(plan(row(), seen({ userMetadataHash: 'f'.repeat(32) })), 'touch');
    assert.equal(plan(row(), seen({ contentType: 'image/png' })), 'touch');
  });
  test('other recipes or another tier are rendered', () => {
    assert.equal(plan(row(), seen(), { config: wanted({ gps: true }) }), 'render');
    const moved = wanted({ sources: [{ ...config.sources[0], tier: 'fast' } as (typeof config.sources)[0]] });
    assert.equal(plan(row(), seen(), { config: moved }), 'render');
  });
  test('a row whose set was lost is rendered', () => assert.equal(plan(row({ set: null }), seen()), 'render'));
  test('no image by type and extension is plain without a render', () => {
    assert.equal(plan(null, seen({ contentType: 'text/plain' }), { key: 'a.txt' }), 'plain');
    assert.equal(
      plan(row({ state: 'plain', set: null }), seen({ contentType: 'text/plain' }), { key: 'a.txt' }),
      'touch',
    );
  });
  test('a plain object of the same claims is left alone, of other claims looked into', () => {
    const plain = row({ state: 'plain', set: null, version: versionOf({ contentType: 'x/y' }) });
    assert.equal(plan(plain, seen({ contentType: 'x/y' }), { key: 'blob' }), 'nothing');
    assert.equal(plan(plain, seen({ contentType: 'image/png' }), { key: 'blob' }), 'render');
  });
  test('I5: what is gone from a proven source is removed, once', () => {
    assert.equal(plan(row(), gone), 'remove');
    assert.equal(plan(refused(), gone), 'remove');
    assert.equal(plan(null, gone), 'nothing');
    assert.equal(plan(row({ state: 'removed', set: null }), gone), 'nothing');
  });
  test('I7: from a source that is not proven nothing is removed', () => {
    assert.equal(plan(row(), gone, { proven: false }), 'trouble');
    assert.equal(plan(row(), { kind: 'trouble', code: 'NO_SUCH_BUCKET' }), 'trouble');
    assert.equal(plan(row(), { kind: 'trouble', code: 'ACCESS_DENIED' }), 'trouble');
  });
  test('an object that came back after its removal is rendered', () => {
    assert.equal(plan(row({ state: 'removed', set: null }), seen()), 'render');
  });
  test('I6: a refusal stands until version, decoders or limits change, or its retry is due', () => {
    assert.equal(plan(refused(), seen()), 'nothing');
    assert.equal(plan(refused(), seen({ modifiedAtS: 1_700_000_009 })), 'touch');
    assert.equal(plan(refused(), seen({ etag: 'e2' })), 'render');
    assert.equal(plan(refused({ basis: 'other' }), seen()), 'render');
    assert.equal(
      plan(refused(), seen(), { config: wanted({ limits: { ...config.limits, maxMegapixels: 1 } }) }),
      'render',
    );
    assert.equal(plan(refused({ retryAtMs: present.nowMs + 1 }), seen()), 'nothing');
    assert.equal(plan(refused({ retryAtMs: present.nowMs }), seen()), 'render');
  });
  test('I11: a row of a newer generation is not touched', () => {
    assert.equal(plan(row({ generation: 2 }), seen({ etag: 'e2' })), 'outdated');
    assert.equal(plan(row({ generation: 2 }), gone), 'outdated');
  });
  test('I5: what no source covers is skipped, and removed only when an operator agreed', () => {
    const uncovered = wanted({ sources: [] });
    assert.equal(plan(null, seen(), { config: uncovered }), 'skip');
    assert.equal(plan(row(), seen(), { config: uncovered }), 'skip');
    const observed = { ref, row: row(), sighting: seen(), sourceProven: false };
    assert.equal(planFor(observed, uncovered, { ...present, removeUncovered: true }).kind, 'remove');
    const covered = { ...observed, row: row() };
    assert.equal(planFor(covered, config, { ...present, removeUncovered: true }).kind, 'nothing');
  });
});
