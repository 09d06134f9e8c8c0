import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { ObjectEvent } from '../../../workers/model/object-event.ts';
import { decodeObjectEvent } from '../../../workers/pipeline/decode-event.ts';
import { isAppError } from '../../../workers/platform/errors.ts';

interface Recorded {
  readonly subject: string;
  readonly payload: string;
}

const recorded: Recorded[] = readFileSync(
  new URL('../../fixtures/minio/recorded-events.ndjson', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const decodeText = (text: string) => decodeObjectEvent(Buffer.from(text));
const bySubject = (subject: string) => recorded.filter((r) => r.subject === subject).map((r) => decodeText(r.payload));
const told = ({ name, key }: ObjectEvent) => `${name.slice(3)} ${key}`;

describe('what a real MinIO sent', () => {
  test('every creation is decoded: awkward keys, an empty object, a copy, an upload in parts, a tagging, versions', () => {
    assert.deepEqual(bySubject('events.images.created').map(told), [
      'ObjectCreated:Put plain.jpg',
      'ObjectCreated:Put a b+c.jpg',
      'ObjectCreated:Put dir/sub dir/é漢😀.jpg',
      'ObjectCreated:Put per%25cent.jpg',
      "ObjectCreated:Put q!*'().jpg",
      'ObjectCreated:Put 0.bin',
      'ObjectCreated:Copy copied.jpg',
      'ObjectCreated:CompleteMultipartUpload multi.bin',
      'ObjectCreated:PutTagging plain.jpg',
      'ObjectCreated:Put v.jpg',
      'ObjectCreated:Put v.jpg',
    ]);
  });

  test('every removal is decoded: deletes, a delete marker, a delete of nothing', () => {
    assert.deepEqual(bySubject('events.images.removed').map(told), [
      'ObjectRemoved:Delete copied.jpg',
      'ObjectRemoved:Delete a b+c.jpg',
      'ObjectRemoved:Delete per%25cent.jpg',
      'ObjectRemoved:DeleteMarkerCreated v.jpg',
      'ObjectRemoved:NoOP nonexistent.jpg',
    ]);
  });

  test('a version id and a sequencer are there where MinIO told them', () => {
    const events = bySubject('events.images.created');
    assert.deepEqual(events[0], {
      bucket: 'photos',
      key: 'plain.jpg',
      name: 's3:ObjectCreated:Put',
      versionId: null,
      sequencer: '18EA1617EB39D4AC',
    });
    assert.equal(events.at(-1)?.versionId, '49c9a461-8aab-41ce-8812-11ea96f39047');
  });

  test('each change came twice, and both copies decode to the same', () => {
    for (const path of ['created', 'removed']) {
      const order = (events: ObjectEvent[]) => events.map((event) => JSON.stringify(event)).sort();
      assert.deepEqual(order(bySubject(`events.images.${path}-journal`)), order(bySubject(`events.images.${path}`)));
    }
  });
});

describe('what else is a notification', () => {
  const removals = ['Delete', 'DeleteMarkerCreated', 'NoOP', 'DeleteAllVersions'].map(
    (kind) => `s3:ObjectRemoved:${kind}`,
  );
  for (const name of [...removals, 's3:LifecycleDelMarkerExpiration:Delete', 's3:ObjectCreated:Post']) {
    test(`${name} keeps its name`, () => assert.equal(decodeText(notification({ name })).name, name));
  }

  test('the lifecycle scanner sends no request parameters and another user agent', () => {
    const text = notification({ record: { requestParameters: null, source: { userAgent: 'Internal: [ILM-Expiry]' } } });
    assert.equal(decodeText(text).key, 'cat.jpg');
  });

  test('a store that tells neither the key on top nor the prefix of the name is understood', () => {
    const text = notification({ name: 'ObjectCreated:Put', top: undefined });
    assert.equal(decodeText(text).name, 's3:ObjectCreated:Put');
  });

  test('advice that is not as expected is dropped, and the event stands', () => {
    const { versionId, sequencer } = decodeText(notification({ object: { versionId: 7, sequencer: '' } }));
    assert.deepEqual({ versionId, sequencer }, { versionId: null, sequencer: null });
  });

  test('any key in UTF-8 comes back from the way Go escapes it', () => {
    const keys = fc.string({ unit: 'binary', minLength: 1 }).filter((key) => !key.includes('\0'));
    fc.assert(
      fc.property(keys, (key) => {
        const text = notification({ object: { key: goQueryEscape(key) }, top: `photos/${key}` });
        assert.equal(decodeText(text).key, key);
      }),
    );
  });

  test('the escape of the property above is the one MinIO uses', () => {
    for (const { payload } of recorded) {
      const { Key, Records } = JSON.parse(payload);
      const { bucket, object } = Records[0].s3;
      assert.equal(goQueryEscape(Key.slice(bucket.name.length + 1)), object.key);
    }
  });
});

describe('what is refused', () => {
  const cases: readonly [code: string, what: string, bytes: string | Uint8Array][] = [
    ['UNDECODABLE_JSON', 'no bytes', ''],
    ['UNDECODABLE_JSON', 'half a message', recorded[0]?.payload.slice(0, 300) ?? ''],
    ['UNDECODABLE_JSON', 'text that is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['NOT_A_NOTIFICATION', 'JSON of something else', '{"hello":"world"}'],
    ['NOT_A_NOTIFICATION', 'null', 'null'],
    [
      'NOT_A_NOTIFICATION',
      'the test message of another store',
      '{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"photos"}',
    ],
    ['NOT_A_NOTIFICATION', 'a record of something else', '{"Records":[{"eventName":"s3:ObjectCreated:Put"}]}'],
    ['NOT_A_NOTIFICATION', 'a record without a bucket', notification({ bucket: '' })],
    ['NO_RECORD', 'no record', '{"Records":[]}'],
    ['NO_RECORD', 'null for records', '{"Records":null}'],
    ['MANY_RECORDS', 'two records', '{"Records":[{},{}]}'],
    ['EMPTY_KEY', 'an empty key', notification({ object: { key: '' } })],
    ['BAD_KEY_ESCAPE', 'a percent sign that escapes nothing', notification({ object: { key: '100%.jpg' } })],
    ['BAD_KEY_ESCAPE', 'bytes that are no UTF-8', notification({ object: { key: '%FF.jpg' } })],
    ['KEY_NOT_STORABLE', 'a key with NUL', notification({ object: { key: 'a%00b' } })],
    ['KEY_MISMATCH', 'two keys that disagree', notification({ top: 'photos/dog.jpg' })],
    ['KEY_MISMATCH', 'a key that was escaped twice', notification({ object: { key: 'a%2520b' }, top: 'photos/a b' })],
  ];
  for (const [code, what, bytes] of cases) {
    test(`${what}: ${code}`, () => {
      assert.throws(
        () => decodeObjectEvent(Buffer.from(bytes)),
        (error) => isAppError(error, code) && error.disposition === 'refuse',
      );
    });
  }
});

interface Parts {
  readonly name?: string;
  readonly bucket?: string;
  readonly top?: string | undefined;
  readonly object?: object;
  readonly record?: object;
}

function notification(parts: Parts): string {
  const { name = 's3:ObjectCreated:Put', bucket = 'photos', object, record } = parts;
  // A key given without its top is one that the top would not disagree with.
  const top = 'top' in parts || object !== undefined ? parts.top : `${bucket}/cat.jpg`;
  return JSON.stringify({
    EventName: name,
    Key: top,
    Records: [{ eventName: name, s3: { bucket: { name: bucket }, object: { key: 'cat.jpg', ...object } }, ...record }],
  });
}

/** url.QueryEscape of Go: letters, digits and -_.~ stay, a space is a plus, every other byte is %XX. */
function goQueryEscape(text: string): string {
  return Array.from(Buffer.from(text), (byte) => {
    const char = String.fromCharCode(byte);
    if (char === ' ') return '+';
    return /[A-Za-z0-9\-_.~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}
