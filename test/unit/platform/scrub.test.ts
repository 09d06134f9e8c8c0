// I9: no secret in a log, trace, error or page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createScrubber, scrubText } from '../../../workers/platform/scrub.ts';

const SIGNED =
  'http://127.0.0.1:9000/images/cat.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20260101&X-Amz-Expires=60&X-Amz-Signature=deadbeef01';

const CASES: readonly [name: string, text: string, secrets: readonly string[], kept: readonly string[]][] = [
  [
    'a password in a URL',
    'dial postgres://millrace:hunter2@db:5432/x failed',
    ['hunter2'],
    ['millrace', 'db:5432/x failed'],
  ],
  ['a password with an @', 'nats://u:p@ss@host:4222', ['p@ss', 'ss@'], ['nats://u:', '@host:4222']],
  ['a token in place of a user', 'nats://tok3n@host:4222', ['tok3n'], ['host:4222']],
  ['several servers', 'nats://a:pw1@h1,nats://b:pw2@h2', ['pw1', 'pw2'], ['h1', 'nats://b:', 'h2']],
  [
    'a presigned URL',
    `GET ${SIGNED} 403`,
    ['deadbeef01', 'AKIAEXAMPLE'],
    ['/images/cat.jpg', 'X-Amz-Expires=60', ' 403'],
  ],
  [
    "a presigned URL inside Go's JSON",
    JSON.stringify({ url: SIGNED }).replaceAll('&', '\\u0026'),
    ['deadbeef01'],
    ['cat.jpg'],
  ],
  [
    'a presigned URL inside XML',
    `<Resource>${SIGNED.replaceAll('&', '&amp;')}</Resource>`,
    ['deadbeef01'],
    ['cat.jpg', 'X-Amz-Expires=60'],
  ],
  ['a signed header', 'authorization: AWS4-HMAC-SHA256 Credential=AK/x, Signature=deadbeef', ['deadbeef'], []],
  ['a bearer token', 'Authorization: Bearer abcdefgh.ijk', ['abcdefgh.ijk'], ['Bearer']],
  ['a connection string', 'host=db password=hunter2 user=me', ['hunter2'], ['host=db', 'user=me']],
  ['a variable', 'MINIO_ROOT_PASSWORD=hunter22&x;y MINIO_ROOT_USER=me', ['hunter22', 'x;y'], ['MINIO_ROOT_USER=me']],
  [
    'a key of a JSON line, deep',
    '{"a":{"b":{"secretKey":"s3cr\\"et","n":1}},"password":12345}',
    ['s3cr', '12345'],
    ['"n":1'],
  ],
  [
    'JSON inside a JSON string',
    JSON.stringify({ body: JSON.stringify({ secret_key: 'hunter2', n: 1 }) }),
    ['hunter2'],
    ['n'],
  ],
];

for (const [name, text, secrets, kept] of CASES) {
  test(`I9: ${name} is taken out`, () => {
    const scrubbed = scrubText(text);
    for (const secret of secrets) assert.ok(!scrubbed.includes(secret), scrubbed);
    for (const part of kept) assert.ok(scrubbed.includes(part), `${part} went too: ${scrubbed}`);
    assert.equal(scrubText(scrubbed), scrubbed, 'scrubbing twice changes nothing more');
    if (text.startsWith('{')) assert.doesNotThrow(() => JSON.parse(scrubbed), scrubbed);
  });
}

test('what is no secret stays as it is', () => {
  const plain = [
    '{"versionToken":"abc","streamSeq":5,"key":"a=b&c.jpg","tokens":7}',
    'mail to someone@example.org',
    'the token is wrong',
  ];
  for (const text of plain) assert.equal(scrubText(text), text);
});

test('configured secrets are found wherever they stand, also encoded', () => {
  const scrub = createScrubber(['s3cr"et/with+signs', 'short']);
  const text = `a s3cr"et/with+signs b ${encodeURIComponent('s3cr"et/with+signs')} c ${JSON.stringify('s3cr"et/with+signs')} short`;
  assert.equal(scrub(text), 'a [redacted] b [redacted] c "[redacted]" short');
});
