// The download of one version: what each answer of the store means, and how little is read of what will not be rendered.
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createDownloader } from '../../../workers/imaging/download.ts';
import { LIMITS, quadrants, startStore } from './harness.ts';

const PICTURE = await quadrants(300, 200);
const HEADERS = { 'if-match': '"e"' };

async function downloadFrom(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  { sizeBytes = PICTURE.length, stallTimeoutMs = 5_000, limits = LIMITS } = {},
) {
  await using store = await startStore(answer);
  return await createDownloader({ stallTimeoutMs }).download({ url: store.url, headers: HEADERS }, sizeBytes, limits);
}

test('the bytes come as they are, and the headers given are sent', async () => {
  let ifMatch: string | undefined;
  const result = await downloadFrom((request, response) => {
    ifMatch = request.headers['if-match'];
    response.end(PICTURE);
  });
  assert.ok(result.kind === 'downloaded' && result.bytes.equals(PICTURE));
  assert.equal(ifMatch, '"e"');
});

for (const [status, expected] of [
  [412, { kind: 'changed' }],
  [404, { kind: 'changed' }],
  [403, { kind: 'source-failed', code: 'HTTP_403', message: 'the store answered 403' }],
  [503, { kind: 'source-failed', code: 'HTTP_503', message: 'the store answered 503' }],
] as const) {
  test(`answer ${status} means ${expected.kind}`, async () => {
    assert.deepEqual(await downloadFrom((_, response) => response.writeHead(status).end('<Error/>')), expected);
  });
}

test('an empty object is no image, and is not asked for', async () => {
  let asked = false;
  const result = await downloadFrom(() => void (asked = true), { sizeBytes: 0 });
  assert.deepEqual([result, asked], [{ kind: 'not-image' }, false]);
});

test('of what is no image only the beginning is read', async () => {
  const sizeBytes = 40_000_000;
  let sent = 0;
  const result = await downloadFrom((_, response) => streamZeros(response, sizeBytes, (bytes) => (sent += bytes)), {
    sizeBytes,
  });
  assert.deepEqual(result, { kind: 'not-image' });
  assert.ok(sent < 8_000_000, `${sent} bytes were sent`);
});

test('a picture above the limit is refused after its first bytes, and a film above it is no image', async () => {
  const limits = { ...LIMITS, sourceMaxBytes: 1_000_000 };
  const sizeBytes = 40_000_000;
  let sent = 0;
  const picture = await downloadFrom(
    (_, response) => {
      response.write(PICTURE);
      streamZeros(response, sizeBytes - PICTURE.length, (bytes) => (sent += bytes));
    },
    { sizeBytes, limits },
  );
  assert.ok(picture.kind === 'refused' && picture.code === 'SOURCE_TOO_LARGE');
  assert.ok(sent < 8_000_000, `${sent} bytes were sent`);
  const film = await downloadFrom((_, response) => streamZeros(response, sizeBytes, () => {}), { sizeBytes, limits });
  assert.deepEqual(film, { kind: 'not-image' });
});

test("a body that ends early, is announced with another size or goes on too long is nobody's fault that is known", async () => {
  const short = await downloadFrom((_, response) => {
    response.setHeader('content-length', PICTURE.length);
    response.write(PICTURE.subarray(0, 100));
    setImmediate(() => response.destroy());
  });
  assert.equal(short.kind, 'source-failed');
  const chunked = await downloadFrom((_, response) => {
    response.write(PICTURE.subarray(0, 100));
    response.end();
  });
  assert.ok(chunked.kind === 'source-failed' && chunked.code === 'SOURCE_TRUNCATED');
  const other = await downloadFrom((_, response) => response.setHeader('content-length', 3).end('abc'));
  assert.ok(other.kind === 'source-failed' && other.code === 'SOURCE_SIZE_DIFFERS');
  const long = await downloadFrom((_, response) => {
    response.write(PICTURE);
    response.end('more');
  });
  assert.ok(long.kind === 'source-failed' && long.code === 'SOURCE_SIZE_DIFFERS');
});

test('a store that stops in the middle, or never answers, is given up', async () => {
  const middle = await downloadFrom((_, response) => void response.write(PICTURE.subarray(0, 100)), {
    stallTimeoutMs: 50,
  });
  assert.ok(middle.kind === 'source-failed' && middle.code === 'SOURCE_STALLED');
  const silent = await downloadFrom(() => {}, { stallTimeoutMs: 50 });
  assert.ok(silent.kind === 'source-failed' && silent.code === 'SOURCE_STALLED');
});

test('a store that is not there', async () => {
  const { url } = await startAndStop();
  const result = await createDownloader({ stallTimeoutMs: 1000 }).download({ url, headers: {} }, 10, LIMITS);
  assert.ok(result.kind === 'source-failed' && result.code === 'ECONNREFUSED');
});

test('a kept connection that the store has closed meanwhile is no failure', async () => {
  const sockets = new Set<{ destroy(): void }>();
  await using store = await startStore((request, response) => {
    sockets.add(request.socket);
    // The second request on a connection is answered by closing it, as a store does whose keep-alive time ran out.
    if (store.requests.filter((each) => each.socket === request.socket).length > 1) request.socket.destroy();
    else response.setHeader('content-length', PICTURE.length).end(PICTURE);
  });
  const { download } = createDownloader({ stallTimeoutMs: 1000 });
  for (let times = 0; times < 3; times += 1) {
    assert.equal((await download({ url: store.url, headers: {} }, PICTURE.length, LIMITS)).kind, 'downloaded');
  }
  assert.equal(sockets.size, 3);
});

test('connections are kept', async () => {
  await using store = await startStore((_, response) =>
    response.setHeader('content-length', PICTURE.length).end(PICTURE),
  );
  const { download } = createDownloader({ stallTimeoutMs: 1000 });
  for (let times = 0; times < 4; times += 1) await download({ url: store.url, headers: {} }, PICTURE.length, LIMITS);
  assert.equal(new Set(store.requests.map((request) => request.socket)).size, 1);
});

function streamZeros(response: ServerResponse, bytes: number, sent: (bytes: number) => void): void {
  const part = Buffer.alloc(64 * 1024);
  let left = bytes;
  const next = () => {
    while (left > 0) {
      const length = Math.min(left, part.length);
      left -= length;
      sent(length);
      if (!response.write(part.subarray(0, length))) return void response.once('drain', next);
    }
    response.end();
  };
  next();
}

async function startAndStop(): Promise<{ url: string }> {
  await using store = await startStore(() => {});
  return { url: store.url };
}
