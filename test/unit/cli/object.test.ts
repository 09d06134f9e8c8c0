import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { operator, row, SET_ID, version, type World } from './world.ts';
import { fakeDeps, fakeProcess, ran, SERVERS } from './fake-process.ts';
import { runCli } from '../../../workers/cli/run.ts';

const WORLD: World = {
  objects: { 'a.jpg': version(), 'b.jpg': version({ etag: 'new' }), 'c.txt': version(), 'd😀.jpg': version() },
  rows: [
    row('a.jpg'),
    row('b.jpg'),
    row('c.txt', { state: 'plain', set: null, metadata: null }),
    row('gone.jpg'),
    row('removed.jpg', { state: 'removed', set: null }),
  ],
  localVolumes: { v1: '/srv/v1' },
};

const opening = (world: World) => ({ openOperator: async () => operator(world) });

function lines(text: string): { key: string; state: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('show --json prints one line of JSON, and closes what it opened', async () => {
  let closed = 0;
  const { code, out, err } = await ran(
    ['object', 'show', 'images/a.jpg', '--json'],
    opening({ ...WORLD, closed: () => (closed += 1) }),
  );
  assert.deepEqual([code, err, closed], [0, '', 1]);
  assert.equal(out.split('\n').length, 2);
  assert.equal(JSON.parse(out).renditions[0].path, `/srv/v1/ab/cd/${SET_ID}/thumb.webp`);
});

test('show for people is aligned, and cannot be made to speak to the terminal', async () => {
  const { out } = await ran(['object', 'show', 'images/a.jpg'], opening(WORLD));
  assert.equal(
    out,
    [
      'object    images/a.jpg',
      'state     committed',
      'size      12.3 kB',
      'type      image/jpeg',
      'picture   4000 × 3000',
      'etag      e1',
      'renditions',
      `  thumb  160 × 120  webp  4.3 kB  /srv/v1/ab/cd/${SET_ID}/thumb.webp\n`,
    ].join('\n'),
  );
  const nasty = await ran(['object', 'show', 'images/\u001b[31mx'], opening(WORLD));
  assert.match(nasty.out, /images\/\\u\{1b\}\[31mx/);
});

test('an absent object is an answer, not a failure', async () => {
  const { code, out } = await ran(['object', 'show', 'images/none.jpg', '--json'], opening(WORLD));
  assert.equal(code, 0);
  assert.equal(JSON.parse(out).state, 'absent');
});

test('a reference that is none is a usage error, before anything is opened', async () => {
  for (const path of ['images', 'images/', '/x']) {
    const { code, err } = await ran(['object', 'show', path]);
    assert.equal(code, 2);
    assert.match(err, /USAGE: .* is not <bucket>\/<key>\nWrite it like/);
  }
});

test('a store in trouble is told with code and remedy, with --json as JSON', async () => {
  const looks = () => ({ kind: 'trouble', code: 'NO_SUCH_BUCKET' }) as const;
  const human = await ran(['object', 'show', 'images/a.jpg'], opening({ looks }));
  assert.deepEqual([human.code, human.out], [1, '']);
  assert.match(human.err, /^millrace: NO_SUCH_BUCKET: .*\nCheck the bucket's name/);
  const { code, err } = await ran(['object', 'show', 'images/a.jpg', '--json'], opening({ looks }));
  assert.equal(code, 1);
  assert.deepEqual(Object.keys(JSON.parse(err).error), ['code', 'message', 'remedy']);
});

test('I9: an error shows no secret', async () => {
  const openOperator = () => Promise.reject(new Error('connect postgres://u:secret-of-the-index@127.0.0.1/x failed'));
  const { code, err } = await ran(['object', 'show', 'images/a.jpg'], { openOperator });
  assert.equal(code, 1);
  assert.ok(err.includes('failed') && !err.includes('secret-of-the-index'), err);
});

test('ls --json prints one object per line, in key order, in every state', async () => {
  const { code, out } = await ran(['object', 'ls', '--json'], opening(WORLD));
  assert.equal(code, 0);
  assert.deepEqual(
    lines(out).map(({ key, state }) => [key, state]),
    [
      ['a.jpg', 'committed'],
      ['b.jpg', 'pending'],
      ['c.txt', 'plain'],
      ['d😀.jpg', 'pending'],
      ['gone.jpg', 'absent'],
    ],
  );
});

test('ls filters by state, prefix and bucket', async () => {
  const keys = async (...args: string[]) => {
    const { out } = await ran(['object', 'ls', '--json', ...args], opening(WORLD));
    return out === '' ? [] : lines(out).map(({ key }) => key);
  };
  assert.deepEqual(await keys('--state', 'pending'), ['b.jpg', 'd😀.jpg']);
  assert.deepEqual(await keys('--prefix', 'd'), ['d😀.jpg']);
  assert.deepEqual(await keys('--bucket', 'others'), []);
  assert.equal((await ran(['object', 'ls', '--state', 'lost'])).code, 2);
});

test('ls passes over objects that no source covers and the index does not know', async () => {
  const env = { MILLRACE_CONFIG: new URL('./only-photos.yaml', import.meta.url).pathname };
  const { out } = await ran(
    ['object', 'ls', '--json'],
    opening({
      objects: { 'photos/x.jpg': version(), 'other.jpg': version(), 'a.jpg': version() },
      rows: [row('a.jpg')],
    }),
    { env: { ...SERVERS, ...env } },
  );
  assert.deepEqual(
    lines(out).map(({ key }) => key),
    ['a.jpg', 'photos/x.jpg'],
  );
});

test('a reader that has seen enough ends ls without an error, and the listing is not read on', async () => {
  let produced = 0;
  const written: string[] = [];
  const stdout = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      if (written.length === 3) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      written.push(chunk.toString());
      done();
    },
  });
  const endless = operator(WORLD);
  const openOperator = async () => ({
    ...endless,
    objects: {
      ...endless.objects,
      async *list() {
        for (; ; produced += 1)
          yield { key: `k${String(produced).padStart(9, '0')}`, etag: 'e', modifiedAtS: 1, sizeBytes: 1 };
      },
    },
  });
  const { io, err } = fakeProcess(['object', 'ls', '--json'], { stdout });
  assert.equal(await runCli(io, fakeDeps({ openOperator })), 0);
  assert.equal(written.length, 3);
  assert.ok(produced < 20, `${produced} were produced`);
  assert.equal(err(), '');
});
