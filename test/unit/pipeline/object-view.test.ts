import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listedView, objectView } from '../../../workers/pipeline/object-view.ts';
import type { Sighting } from '../../../workers/pipeline/ports.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { row, SET_ID, version } from '../cli/world.ts';

const REF = { store: 'main', bucket: 'images', key: 'a b+%😀.jpg' };
const HERE = new Map([['v1', '/srv/v1']]);
const PRESENT: Sighting = { kind: 'present', version: version() };

test('the JSON has exactly the promised keys, in their order', () => {
  assert.equal(
    JSON.stringify(objectView(REF, row(REF.key), PRESENT, HERE)),
    JSON.stringify({
      bucket: 'images',
      key: REF.key,
      state: 'committed',
      etag: 'e1',
      size: 12_345,
      contentType: 'image/jpeg',
      width: 4000,
      height: 3000,
      damaged: false,
      renditions: [
        {
          preset: 'thumb',
          volume: 'v1',
          path: `/srv/v1/ab/cd/${SET_ID}/thumb.webp`,
          width: 160,
          height: 120,
          bytes: 4321,
          format: 'webp',
        },
      ],
      refusal: null,
    }),
  );
});

test('every state has the same keys', () => {
  const keys = Object.keys(objectView(REF, row(REF.key), PRESENT, HERE));
  for (const view of [
    objectView(REF, null, PRESENT, HERE),
    objectView(REF, null, { kind: 'gone', sourceTag: null }, HERE),
  ]) {
    assert.deepEqual(Object.keys(view), keys);
  }
});

test('a volume of another host has no path', () => {
  assert.equal(objectView(REF, row(REF.key), PRESENT, new Map()).renditions[0]?.path, null);
});

test('pending: no row, a row of another version, a row that says removed', () => {
  const other = row(REF.key, { version: version({ etag: 'e0', sizeBytes: 1 }) });
  for (const known of [
    null,
    other,
    row(REF.key, { state: 'removed' }),
    row(REF.key, { version: version({ modifiedAtS: 999 }) }),
  ]) {
    const { state, etag, size, width, renditions } = objectView(REF, known, PRESENT, HERE);
    assert.deepEqual(
      { state, etag, size, width, renditions },
      { state: 'pending', etag: 'e1', size: 12_345, width: null, renditions: [] },
    );
  }
});

test('absent: the store does not have it, whatever the index says', () => {
  const view = objectView(REF, row(REF.key), { kind: 'gone', sourceTag: 'tag' }, HERE);
  assert.deepEqual([view.state, view.etag, view.size, view.renditions], ['absent', null, null, []]);
});

test('refused: its code and message, and what renditions it had of this version; nothing internal', () => {
  const refusal = { code: 'NOT_AN_IMAGE', message: 'no picture', basis: 'b', retryAtMs: 5 };
  const view = objectView(REF, row(REF.key, { state: 'refused', refusal, metadata: null }), PRESENT, HERE);
  assert.deepEqual(view.refusal, { code: 'NOT_AN_IMAGE', message: 'no picture' });
  assert.deepEqual([view.state, view.width, view.renditions.length], ['refused', null, 1]);
});

test('plain: no picture, no renditions', () => {
  const view = objectView(REF, row(REF.key, { state: 'plain', set: null, metadata: null }), PRESENT, HERE);
  assert.deepEqual([view.state, view.renditions, view.contentType], ['plain', [], 'image/jpeg']);
});

test('a store that does not tell is an error, not a state', () => {
  for (const code of ['NO_SUCH_BUCKET', 'ACCESS_DENIED'] as const) {
    assert.throws(
      () => objectView(REF, row(REF.key), { kind: 'trouble', code }, HERE),
      (error) => isAppError(error, code) && error.remedy !== undefined,
    );
  }
});

test('from a listing: the same states, by etag, second and size', () => {
  const listed = { key: REF.key, etag: 'e1', modifiedAtS: 1000, sizeBytes: 12_345 };
  const state = (...args: Parameters<typeof listedView>) => listedView(...args).state;
  assert.deepEqual(listedView(REF, row(REF.key), listed, HERE), objectView(REF, row(REF.key), PRESENT, HERE));
  assert.equal(state(REF, row(REF.key), { ...listed, etag: 'e2' }, HERE), 'pending');
  assert.equal(state(REF, row(REF.key), { ...listed, modifiedAtS: 1001 }, HERE), 'pending');
  assert.equal(state(REF, null, listed, HERE), 'pending');
  assert.equal(state(REF, row(REF.key), null, HERE), 'absent');
});
