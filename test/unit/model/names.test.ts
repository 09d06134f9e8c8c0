import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { claimsImage, saysNoImage } from '../../../workers/model/claims.ts';
import { desiredOf } from '../../../workers/model/desired.ts';
import { compareKeys, parseRef } from '../../../workers/model/object-ref.ts';
import { hashUserMetadata } from '../../../workers/model/object-version.ts';
import { fingerprintOf, type Preset } from '../../../workers/model/preset.ts';
import { setDirectory } from '../../../workers/model/rendition-set.ts';
import { outcomeSubject, token, untoken } from '../../../workers/model/subjects.ts';
import { thumb, wanted } from '../../harness/wanted.ts';

test('any name becomes one subject token and comes back', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), (name) => {
      assert.match(token(name), /^[A-Za-z0-9_-]+$/);
      assert.equal(untoken(token(name)), name);
    }),
  );
});

test('two names never share a token', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => a === b || token(a) !== token(b)),
  );
  assert.equal(outcomeSubject('main', 'my.bucket', 'plain'), 'renditions.v1.main.my_2ebucket.plain');
});

test('keys compare as UTF-8 bytes, where UTF-16 would put an emoji before U+FF5E', () => {
  const [emoji, tilde] = ['😀', '～'];
  assert.ok(emoji < tilde);
  assert.ok(compareKeys(emoji, tilde) > 0);
  assert.ok(compareKeys('a-b', 'a/b') < 0);
});

test('a path is a bucket and a key, or nothing', () => {
  assert.deepEqual(parseRef('main', 'b/a/c.jpg'), { store: 'main', bucket: 'b', key: 'a/c.jpg' });
  assert.equal(parseRef('main', 'bucket'), null);
  assert.equal(parseRef('main', '/key'), null);
  assert.equal(parseRef('main', 'bucket/'), null);
});

test('sets made in one second lie in different directories', () => {
  assert.equal(setDirectory('0198c0de-0000-7000-8000-0123456789ab'), '89/ab/0198c0de-0000-7000-8000-0123456789ab');
});

test('an object says "no image" only when type and extension both do', () => {
  assert.equal(saysNoImage('notes.txt', 'text/plain'), true);
  assert.equal(saysNoImage('notes.txt', 'application/octet-stream'), false);
  assert.equal(saysNoImage('notes', 'text/plain'), false);
  assert.equal(saysNoImage('cat.jpg', 'text/plain'), false);
  assert.equal(saysNoImage('dir.v1/notes', 'text/plain'), false);
  assert.equal(claimsImage('cat.JPG', 'application/octet-stream'), true);
  assert.equal(claimsImage('cat', 'image/png; charset=binary'), true);
  assert.equal(claimsImage('cat', ''), false);
});

test('metadata hashes alike in any order and case of names', () => {
  assert.equal(hashUserMetadata({ Owner: 'me', b: '2' }), hashUserMetadata({ B: '2', owner: 'me' }));
  assert.notEqual(hashUserMetadata({ a: '1' }), hashUserMetadata({ a: '2' }));
});

test('the longest prefix decides what is wanted', () => {
  const two = wanted({
    sources: [
      { bucket: 'photos', prefix: '', presets: ['thumb'], tier: 'default' },
      { bucket: 'photos', prefix: 'raw/', presets: ['thumb', 'large'], tier: 'fast' },
    ],
  });
  assert.equal(desiredOf({ store: 'main', bucket: 'photos', key: 'raw/a.jpg' }, two)?.tier, 'fast');
  assert.equal(desiredOf({ store: 'main', bucket: 'photos', key: 'raw' }, two)?.tier, 'default');
  assert.equal(desiredOf({ store: 'main', bucket: 'other', key: 'a.jpg' }, two), null);
  assert.equal(desiredOf({ store: 'elsewhere', bucket: 'photos', key: 'a.jpg' }, two), null);
});

test('a fingerprint changes with any part of a recipe, and not with the order of presets', () => {
  const large: Preset = { ...thumb, name: 'large', longSidePx: 1600 };
  assert.equal(fingerprintOf([thumb, large], false), fingerprintOf([large, thumb], false));
  const changes: Partial<Preset>[] = [
    { longSidePx: 161 },
    { quality: 79 },
    { effort: 3 },
    { format: 'avif' },
    { fit: 'cover' },
  ];
  for (const change of changes)
    assert.notEqual(fingerprintOf([{ ...thumb, ...change }], false), fingerprintOf([thumb], false));
  assert.notEqual(fingerprintOf([thumb], true), fingerprintOf([thumb], false));
});
