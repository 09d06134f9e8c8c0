import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readlink, symlink, truncate } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FACTS_FILE, setDirectory } from '../../../workers/model/rendition-set.ts';
import { MARKER_FILE } from '../../../workers/model/volume.ts';
import { createReads, type ReadableVolume } from '../../../workers/volumes/reads.ts';
import { eventually } from '../../harness/eventually.ts';
import { type TempDir, tempDir } from '../../harness/temp-dir.ts';
import { type RealVolume, realVolume } from './real-volume.ts';

const MIB = 2 ** 20;
const noProc = process.platform === 'linux' ? false : 'SKIPPED: needs /proc to see open files';

describe('reads of a keeper', () => {
  const content = randomBytes(300_000);
  const setId = randomUUID();
  const broken: string[] = [];
  let dir: TempDir;
  let volume: RealVolume;
  let server: Server;
  let base: string;
  let volumes: ReadableVolume[];

  before(async () => {
    dir = await tempDir();
    volume = await realVolume(join(dir.path, 'volume'));
    await volume.make(setId, ['large.webp', 'thumb.jpg', 'a.avif', 'b.png', FACTS_FILE], content);
    volumes = [readable(volume.path)];
    const read = createReads({
      volumes: () => volumes,
      stallTimeoutMs: 300,
      onBroken: ({ code }) => broken.push(code),
    });
    server = createServer((request, response) => void read(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/sets`;
  });
  after(async () => {
    server.close();
    server.closeAllConnections();
    await dir[Symbol.asyncDispose]();
  });

  function readable(root: string, proven = true, still = true): ReadableVolume {
    return { root, proven, stillProven: async () => still };
  }
  const get = (path: string, init: RequestInit = {}) => fetch(`${base}/${path}`, init);
  const codeIn = async (response: Response) => ((await response.json()) as { code: string }).code;
  /** fetch tidies paths up before it sends them; an attacker does not. */
  async function raw(path: string, method = 'GET'): Promise<string> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  }
  /** How many times this process has the file open. */
  async function timesOpen(path: string): Promise<number> {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')), // closed meanwhile
    );
    return links.filter((link) => link === path).length;
  }
  async function bigFile(): Promise<{ setId: string; path: string }> {
    const setId = randomUUID();
    const path = join(await volume.make(setId, ['large.webp']), 'large.webp');
    await truncate(path, 64 * MIB); // more than sockets hold
    return { setId, path };
  }

  test('a rendition comes whole, with its type, a strong etag, and for ever', async () => {
    const response = await get(`${setId}/large.webp`);
    assert.equal(response.status, 200);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), content);
    const { headers } = response;
    assert.equal(headers.get('content-type'), 'image/webp');
    assert.equal(headers.get('content-length'), String(content.length));
    assert.equal(headers.get('etag'), `"${setId}/large.webp"`);
    assert.match(headers.get('cache-control') ?? '', /immutable/);
    assert.equal(headers.get('accept-ranges'), 'bytes');
  });

  test('each format has its type', async () => {
    const types = await Promise.all(
      ['thumb.jpg', 'a.avif', 'b.png'].map(async (file) =>
        (await get(`${setId}/${file}`, { method: 'HEAD' })).headers.get('content-type'),
      ),
    );
    assert.deepEqual(types, ['image/jpeg', 'image/avif', 'image/png']);
  });

  test('HEAD tells the same without the body', async () => {
    const response = await get(`${setId}/large.webp`, { method: 'HEAD' });
    assert.equal(response.headers.get('content-length'), String(content.length));
    assert.equal((await response.arrayBuffer()).byteLength, 0);
  });

  test('who has it gets 304', async () => {
    const response = await get(`${setId}/large.webp`, { headers: { 'if-none-match': `"${setId}/large.webp"` } });
    assert.equal(response.status, 304);
    assert.equal(response.headers.get('etag'), `"${setId}/large.webp"`);
  });

  test('a part of it is 206, a part behind its end 416', async () => {
    const part = await get(`${setId}/large.webp`, { headers: { range: 'bytes=100-199' } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes 100-199/${content.length}`);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), content.subarray(100, 200));
    const none = await get(`${setId}/large.webp`, { headers: { range: `bytes=${content.length}-` } });
    assert.equal(none.status, 416);
    assert.equal(none.headers.get('content-range'), `bytes */${content.length}`);
    assert.equal(none.headers.get('cache-control'), 'no-store');
  });

  test('what is not there is 404 with a code, and not to be kept', async () => {
    for (const path of [`${randomUUID()}/large.webp`, `${setId}/huge.webp`]) {
      const response = await get(path);
      assert.equal(response.status, 404);
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.equal(await codeIn(response), 'NOT_FOUND');
    }
  });

  test('nothing but renditions is served: no marker, no facts, no way out', async () => {
    const directory = join(volume.path, setDirectory(setId));
    await symlink('/etc/passwd', join(directory, 'link.png'));
    await mkdir(join(directory, 'folder.png'));
    const paths = [
      `/v1/sets/${setId}/${FACTS_FILE}`,
      `/v1/sets/${setId}/${MARKER_FILE}`,
      `/v1/sets/${setId}/../../../${MARKER_FILE}`,
      `/v1/sets/${setId}/..%2f..%2f..%2f${MARKER_FILE}`,
      `/v1/sets/${setId}/../${setId}/large.webp`,
      `/v1/sets/${setId}/%2e%2e/large.webp`,
      `/v1/sets/${setId}/./large.webp`,
      `/v1/sets/${setId}//large.webp`,
      `/v1/sets/${setId}/large.webp/`,
      `/v1/sets/${setId}/large.webp%00.png`,
      `/v1/sets/${setId}/link.png`,
      `/v1/sets/${setId}/folder.png`,
      `/v1/sets/${setId.toUpperCase()}/large.webp`,
      `/v1/sets/${'.'.repeat(36)}/large.webp`,
      `/v1/sets/${setId}/.hidden.png`,
      '/v1/sets/',
      '//',
    ];
    for (const path of paths) assert.match(await raw(path), /^HTTP\/1\.1 404 /, path);
  });

  test('only GET and HEAD', async () => {
    const response = await get(`${setId}/large.webp`, { method: 'DELETE' });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
  });

  test('I7: an unproven volume is not read: 503, and so for a volume that was unmounted a moment ago', async (t) => {
    t.after(() => {
      volumes = [readable(volume.path)];
    });
    volumes = [readable(volume.path, false)];
    const first = await get(`${setId}/large.webp`);
    assert.equal(first.status, 503);
    assert.equal(await codeIn(first), 'VOLUME_NOT_PROVEN');
    volumes = [readable(join(dir.path, 'bare'), true, false)];
    assert.equal((await get(`${setId}/large.webp`)).status, 503);
  });

  test('of several volumes the one that has the set answers, though another is unproven', async (t) => {
    t.after(() => {
      volumes = [readable(volume.path)];
    });
    const empty = await realVolume(join(dir.path, 'empty'));
    volumes = [readable('/nowhere', false), readable(empty.path), readable(volume.path)];
    const response = await get(`${setId}/large.webp`);
    assert.equal(response.status, 200);
    await response.arrayBuffer();
    assert.equal((await get(`${randomUUID()}/large.webp`)).status, 503);
  });

  test('a client that takes nothing is cut off, and its file closed', { skip: noProc }, async () => {
    const big = await bigFile();
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.pause();
    socket.write(`GET /v1/sets/${big.setId}/large.webp HTTP/1.1\r\nHost: x\r\n\r\n`);
    await eventually(async () => (await timesOpen(big.path)) === 1, { what: 'the file to be open' });
    await eventually(async () => (await timesOpen(big.path)) === 0, { what: 'the file to be closed' });
    socket.destroy();
  });

  test('a client that goes away leaves no open file and is nobody’s fault', { skip: noProc }, async () => {
    const big = await bigFile();
    const told = broken.length;
    const aborter = new AbortController();
    const response = await get(`${big.setId}/large.webp`, { signal: aborter.signal });
    await response.body?.getReader().read();
    assert.equal(await timesOpen(big.path), 1);
    aborter.abort();
    await eventually(async () => (await timesOpen(big.path)) === 0, { what: 'the file to be closed' });
    assert.equal(broken.length, told);
  });

  test('a read leaves no file open', { skip: noProc }, async () => {
    const path = join(volume.path, setDirectory(setId), 'large.webp');
    const requests: RequestInit[] = [
      {},
      { method: 'HEAD' },
      { headers: { range: 'bytes=0-5' } },
      { headers: { 'if-none-match': '*' } },
    ];
    for (const init of requests) await (await get(`${setId}/large.webp`, init)).arrayBuffer();
    // Soon: a handle that nobody closed is closed by the garbage collector some time.
    await eventually(async () => (await timesOpen(path)) === 0, { what: 'the file to be closed', timeoutMs: 1_000 });
  });

  test('a file that shrinks while it is read breaks the read off instead of passing for whole', async () => {
    const big = await bigFile();
    const response = await get(`${big.setId}/large.webp`);
    await truncate(big.path, 100);
    await assert.rejects(response.arrayBuffer());
    assert.equal(broken.at(-1), 'SHORT_READ');
  });
});
