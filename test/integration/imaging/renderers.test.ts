// The pool: results of whole renders, and what becomes of a render whose child dies, hangs or grows at any point.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RendererPool } from '../../../workers/imaging/renderers.ts';
import { setDirectory } from '../../../workers/model/rendition-set.ts';
import { eventually } from '../../harness/eventually.ts';
import {
  LIMITS,
  makeJob,
  makeVolume,
  NEVER,
  quadrants,
  renderOnce,
  startPool,
  startStore,
  startStoreOf,
} from './harness.ts';

const PICTURE = await quadrants(600, 400);
const HOOKED = new URL('./hooked-child.ts', import.meta.url);

const hooked = (env: Record<string, string>) => startPool({ entry: HOOKED, env });

function isAlive(pid: number): boolean {
  if (!existsSync('/proc/self')) {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }
  return existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
}

/** Disposes the pool and shows that no child of it is left. */
async function stopped(pool: RendererPool): Promise<void> {
  const pids = pool.pids();
  await pool.stop();
  assert.deepEqual(pids.filter(isAlive), []);
}

test('a picture becomes a set on the volume', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool();
  const job = makeJob(store, volume, PICTURE.length);
  const result = await renderOnce(pool, job);
  assert.ok(result.kind === 'rendered', JSON.stringify(result));
  assert.deepEqual(
    result.renditions.map(({ file, width, height }) => [file, width, height]),
    [
      ['large.webp', 600, 400],
      ['medium.webp', 600, 400],
      ['thumb.webp', 160, 107],
    ],
  );
  assert.deepEqual((await readdir(join(volume.path, setDirectory(job.setId)))).sort(), [
    'facts.json',
    'large.webp',
    'medium.webp',
    'thumb.webp',
  ]);
  assert.deepEqual(Object.keys(result.phasesMs), ['download', 'probe', 'decode', 'encode', 'write']);
  await stopped(pool);
});

test('children are started when they are needed, and used again', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool({ size: 3 });
  assert.deepEqual(pool.pids(), []);
  await renderOnce(pool, makeJob(store, volume, PICTURE.length));
  const first = pool.pids();
  assert.equal(first.length, 1);
  await renderOnce(pool, makeJob(store, volume, PICTURE.length));
  assert.deepEqual(pool.pids(), first);
});

test('what the child finds out comes back: no image, refused, changed, store and volume in trouble', async () => {
  await using volume = await makeVolume();
  await using pool = startPool();
  const text = Buffer.from('no picture at all');
  await using texts = await startStoreOf(text);
  assert.deepEqual(await renderOnce(pool, makeJob(texts, volume, text.length)), { kind: 'not-image' });

  await using store = await startStoreOf(PICTURE);
  const tight = makeJob(store, volume, PICTURE.length, { limits: { ...LIMITS, maxMegapixels: 0.1 } });
  const refused = await renderOnce(pool, tight);
  assert.ok(refused.kind === 'refused' && refused.code === 'IMAGE_TOO_LARGE');

  await using changed = await startStore((_, response) => response.writeHead(412).end());
  assert.deepEqual(await renderOnce(pool, makeJob(changed, volume, 10)), { kind: 'changed' });

  const unmounted = await renderOnce(
    pool,
    makeJob(store, { ...volume, path: join(volume.path, 'nothing') }, PICTURE.length),
  );
  assert.ok(unmounted.kind === 'storage-failed' && unmounted.code === 'NO_MARKER');

  const gone = await renderOnce(pool, makeJob({ url: 'http://127.0.0.1:9' }, volume, 10));
  assert.ok(gone.kind === 'source-failed' && gone.code === 'ECONNREFUSED');
  assert.equal(pool.pids().length, 1, 'none of this cost a child');
});

const POINTS = [
  ['received', 'source-failed', 'RENDERER_DIED_EARLY'],
  ['downloaded', 'source-failed', 'RENDERER_DIED_EARLY'],
  ['decoded', 'died', 'RENDERER_DIED'],
  ['file-written', 'died', 'RENDERER_DIED'],
  ['facts-written', 'died', 'RENDERER_DIED'],
  ['replying', 'died', 'RENDERER_DIED'],
] as const;

for (const [point, kind, code] of POINTS) {
  test(`kill -9 of the child at "${point}" is ${kind}, and the next render has a new one`, async () => {
    await using store = await startStoreOf(PICTURE);
    await using volume = await makeVolume();
    await using pool = hooked({ FAULT_AT: point, FAULT: 'SIGKILL' });
    for (let times = 0; times < 2; times += 1) {
      const result = await renderOnce(pool, makeJob(store, volume, PICTURE.length));
      assert.ok(result.kind === kind && result.code === code && /SIGKILL/.test(result.message), JSON.stringify(result));
    }
    assert.deepEqual(pool.pids(), []);
    const [done] = readdirSync(volume.path, { recursive: true }).filter((path) => String(path).endsWith('facts.json'));
    assert.equal(
      done !== undefined,
      point === 'facts-written' || point === 'replying',
      'facts.json only where everything was written',
    );
  });
}

for (const [point, kind] of [
  ['downloaded', 'source-failed'],
  ['decoded', 'timed-out'],
  ['facts-written', 'storage-failed'],
] as const) {
  test(`a child stopped at "${point}" falls under the timeout: ${kind}`, async () => {
    await using store = await startStoreOf(PICTURE);
    await using volume = await makeVolume();
    await using pool = hooked({ FAULT_AT: point, FAULT: 'SIGSTOP' });
    const limits = { ...LIMITS, renderTimeoutS: 1 };
    const result = await renderOnce(pool, makeJob(store, volume, PICTURE.length, { limits }));
    assert.equal(result.kind, kind, JSON.stringify(result));
    assert.deepEqual(pool.pids(), []);
  });
}

test('a crash and a fault of ours tell what they were', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using crashing = hooked({ FAULT_AT: 'decoded', FAULT: 'SIGSEGV' });
  const crash = await renderOnce(crashing, makeJob(store, volume, PICTURE.length));
  assert.ok(crash.kind === 'died' && /signal SIGSEGV/.test(crash.message), JSON.stringify(crash));
  await using throwing = hooked({ FAULT_AT: 'decoded', FAULT: 'throw' });
  const fault = await renderOnce(throwing, makeJob(store, volume, PICTURE.length));
  assert.ok(fault.kind === 'died' && /exit code 1.*a fault of ours/s.test(fault.message), JSON.stringify(fault));
});

test('a child that takes too much memory is killed', {
  skip: process.platform === 'linux' ? false : 'memory is watched on Linux only',
}, async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = hooked({ FAULT_AT: 'decoded', FAULT: 'eat-memory' });
  const limits = { ...LIMITS, renderMaxMemoryMb: 400 };
  const result = await renderOnce(pool, makeJob(store, volume, PICTURE.length, { limits }));
  assert.ok(result.kind === 'died' && result.code === 'RENDERER_OUT_OF_MEMORY', JSON.stringify(result));
});

test("a child that cannot be started is nobody's fault", async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool({ entry: new URL('./no-such-child.ts', import.meta.url) });
  const result = await renderOnce(pool, makeJob(store, volume, PICTURE.length));
  assert.ok(
    result.kind === 'source-failed' && result.code === 'RENDERER_DIED_EARLY' && /no-such-child/.test(result.message),
    JSON.stringify(result),
  );
});

test('aborting kills the render, before and while it runs', async () => {
  await using logs = await temporaryFolder();
  const log = join(logs.path, 'log');
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = hooked({ FAULT_AT: 'decoded', FAULT: 'wait', FAULT_LOG: log });
  assert.deepEqual(await renderOnce(pool, makeJob(store, volume, PICTURE.length), AbortSignal.abort()), {
    kind: 'cancelled',
  });
  assert.deepEqual(pool.pids(), []);

  const abort = new AbortController();
  const running = renderOnce(pool, makeJob(store, volume, PICTURE.length), abort.signal);
  await eventually(() => existsSync(log) && readFileSync(log, 'utf8').includes('decoded'));
  const pids = pool.pids();
  abort.abort();
  assert.deepEqual(await running, { kind: 'cancelled' });
  assert.deepEqual(pids.filter(isAlive), []);
});

test('stop cancels what runs, gives null to who waits, and leaves no child', async () => {
  await using logs = await temporaryFolder();
  const log = join(logs.path, 'log');
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  const pool = startPool({ size: 1, entry: HOOKED, env: { FAULT_AT: 'decoded', FAULT: 'wait', FAULT_LOG: log } });
  const running = renderOnce(pool, makeJob(store, volume, PICTURE.length));
  const waiting = pool.takeSlot('live', 60_000, NEVER);
  await eventually(() => existsSync(log) && readFileSync(log, 'utf8').includes('decoded'));
  await stopped(pool);
  assert.deepEqual(await running, { kind: 'cancelled' });
  assert.equal(await waiting, null);
  assert.equal(await pool.takeSlot('live', 60_000, NEVER), null);
  await pool.stop();
});

test('a large picture waits for the permit, its clock stands still meanwhile, and the permit is given back', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  const permit = Promise.withResolvers<AsyncDisposable>();
  let asked = 0;
  let returned = 0;
  await using pool = startPool({
    largePermit: () => {
      asked += 1;
      return permit.promise;
    },
  });
  await renderOnce(pool, makeJob(store, volume, PICTURE.length)); // the child is there and warm
  assert.equal(asked, 0);
  const limits = { ...LIMITS, largePictureMegapixels: 0.1, renderTimeoutS: 0.5 };
  const running = renderOnce(pool, makeJob(store, volume, PICTURE.length, { limits }));
  await eventually(() => asked === 1);
  const state = await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 800, 'waits'))]);
  assert.equal(state, 'waits', 'longer than the time a render may take');
  permit.resolve({
    async [Symbol.asyncDispose]() {
      returned += 1;
    },
  });
  assert.equal((await running).kind, 'rendered');
  assert.equal(returned, 1);
});

test('a permit that comes after its render was aborted is given back', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  const permit = Promise.withResolvers<AsyncDisposable>();
  let signal: AbortSignal | undefined;
  await using pool = startPool({
    largePermit: (given) => {
      signal = given;
      return permit.promise;
    },
  });
  const abort = new AbortController();
  const limits = { ...LIMITS, largePictureMegapixels: 0.1 };
  const running = renderOnce(pool, makeJob(store, volume, PICTURE.length, { limits }), abort.signal);
  await eventually(() => signal !== undefined);
  abort.abort();
  assert.deepEqual(await running, { kind: 'cancelled' });
  assert.equal(signal?.aborted, true);
  await new Promise<void>((returned) => permit.resolve({ [Symbol.asyncDispose]: async () => returned() }));
});

test("no permit to be had is nobody's fault", async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool({ largePermit: () => Promise.reject(new Error('no')) });
  const limits = { ...LIMITS, largePictureMegapixels: 0.1 };
  const result = await renderOnce(pool, makeJob(store, volume, PICTURE.length, { limits }));
  assert.ok(result.kind === 'source-failed' && result.code === 'NO_LARGE_PERMIT');
});

test('I6: quarantine takes one render at a time, in a child of its own; others are put back at once', async () => {
  await using logs = await temporaryFolder();
  const log = join(logs.path, 'log');
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool({ size: 3, entry: HOOKED, env: { FAULT_LOG: log } });
  const job = () => makeJob(store, volume, PICTURE.length, { quarantined: true });
  const results = await Promise.all([1, 2, 3].map(() => renderOnce(pool, job())));
  const codes = results.map((result) => (result.kind === 'source-failed' ? result.code : result.kind));
  assert.deepEqual(codes.sort(), ['QUARANTINE_TAKEN', 'QUARANTINE_TAKEN', 'rendered']);
  assert.equal((await renderOnce(pool, job())).kind, 'rendered', 'it is free again');
  const pids = (await readFile(log, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  assert.equal(new Set(pids).size, 2, 'each had a child of its own');
  await eventually(() => pool.pids().length === 0);
});

test('a child that has grown, or has rendered enough, is replaced', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  for (const options of [{ recycleRssMb: 1 }, { recycleAfterRenders: 1 }]) {
    await using pool = startPool(options);
    await renderOnce(pool, makeJob(store, volume, PICTURE.length));
    await eventually(() => pool.pids().length === 0);
    assert.equal((await renderOnce(pool, makeJob(store, volume, PICTURE.length))).kind, 'rendered');
  }
});

test('an idle child that dies is replaced without anybody noticing', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool();
  await renderOnce(pool, makeJob(store, volume, PICTURE.length));
  for (const pid of pool.pids()) process.kill(pid, 'SIGKILL');
  await eventually(() => pool.pids().length === 0);
  assert.equal((await renderOnce(pool, makeJob(store, volume, PICTURE.length))).kind, 'rendered');
});

test('bulk renders in children of lower priority, and both kinds together are no more than the size', {
  skip: process.platform === 'linux' ? false : 'priorities are read from /proc',
}, async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  await using pool = startPool({ size: 1 });
  const nice = () => pool.pids().map((pid) => threadPriorities(pid));
  await renderOnce(pool, makeJob(store, volume, PICTURE.length), NEVER, 'urgent');
  const own = threadPriorities(process.pid)[0] ?? 0;
  assert.ok(
    nice()
      .flat()
      .every((value) => value === own),
  );
  await renderOnce(pool, makeJob(store, volume, PICTURE.length), NEVER, 'bulk');
  await eventually(() => pool.pids().length === 1);
  const [main, ...others] = nice().flat();
  assert.equal(main, 10);
  // Those that decode and encode are started by the main thread later, and inherit.
  assert.ok(others.filter((value) => value === 10).length >= 4, JSON.stringify(others));
  await renderOnce(pool, makeJob(store, volume, PICTURE.length), NEVER, 'live');
  await eventually(() => pool.pids().length === 1);
  assert.equal(nice().flat()[0], own);
});

function threadPriorities(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

test('children are told no secrets of their parent', {
  skip: process.platform === 'linux' ? false : 'read from /proc',
}, async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  process.env.MILLRACE_TEST_SECRET = 'sesame';
  try {
    await using pool = startPool();
    await renderOnce(pool, makeJob(store, volume, PICTURE.length));
    const [pid] = pool.pids();
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    assert.ok(!environment.includes('sesame') && environment.includes('MALLOC_ARENA_MAX=2'));
  } finally {
    delete process.env.MILLRACE_TEST_SECRET;
  }
});

test('children end at once when their parent is killed, in the middle of a render too', async () => {
  await using logs = await temporaryFolder();
  const log = join(logs.path, 'log');
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  for (const [fault, point] of [
    ['wait', 'decoded'],
    ['none', 'replying'],
  ] as const) {
    const parent = spawn(process.execPath, [fileURLToPath(new URL('./pool-parent.ts', import.meta.url))], {
      env: { PATH: process.env.PATH ?? '', FAULT_AT: 'decoded', FAULT: fault, FAULT_LOG: log },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    parent.stdin.end(JSON.stringify(makeJob(store, volume, PICTURE.length)));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids: number[] = JSON.parse(String(line));
    await eventually(() => existsSync(log) && readFileSync(log, 'utf8').includes(`${pids[0]} ${point}`));
    assert.ok(pids.length === 1 && pids.every(isAlive));
    parent.kill('SIGKILL');
    await eventually(() => !pids.some(isAlive), { what: 'the end of the children', timeoutMs: 2_000 });
  }
});

test('idle children do not keep their parent from ending, and end with it', async () => {
  await using store = await startStoreOf(PICTURE);
  await using volume = await makeVolume();
  const parent = spawn(process.execPath, [fileURLToPath(new URL('./pool-parent.ts', import.meta.url))], {
    env: { PATH: process.env.PATH ?? '', END: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  parent.stdin.end(JSON.stringify(makeJob(store, volume, PICTURE.length)));
  const output = once(parent.stdout, 'data');
  const [code] = await once(parent, 'exit');
  assert.equal(code, 0);
  const pids: number[] = JSON.parse(String((await output)[0]));
  await eventually(() => !pids.some(isAlive));
});

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-imaging-'));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}
