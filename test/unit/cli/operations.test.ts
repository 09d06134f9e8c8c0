import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProvisionRequest, StackRequest, SweepRequest, SweptBucket } from '../../../workers/cli/deps.ts';
import { runCli } from '../../../workers/cli/run.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { fakeDeps, fakeProcess, ran } from './fake-process.ts';

const REPORT: SweptBucket = {
  bucket: 'images',
  prefix: '',
  listed: 5,
  rows: 4,
  missing: 2,
  stale: 1,
  gone: 0,
  uncovered: 0,
  published: 3,
  withheld: 0,
  reason: null,
};

test('provision prints what it changed, or that nothing was to do', async () => {
  const answer = (...changes: string[]) => ({ provision: async () => ({ changes, withheld: [] }) });
  const changed = await ran(['provision'], answer('stream EVENTS: created'));
  assert.deepEqual(changed, { code: 0, out: 'stream EVENTS: created\n', err: '' });
  assert.match((await ran(['provision'], answer())).out, /nothing changed/);
  assert.equal((await ran(['provision', '--json'], answer('x'))).out, '{"change":"x"}\n');
});

test('I7: provision says which bucket it left alone, and takes it only by name', async () => {
  const asked: ProvisionRequest[] = [];
  const provision = async (_configuration: unknown, request: ProvisionRequest) => {
    asked.push(request);
    return { changes: [], withheld: ['bucket images: has lost its tag'] };
  };
  const { out } = await ran(['provision'], { provision });
  assert.match(out, /LEFT: bucket images: has lost its tag\n.*--accept-source BUCKET/);
  await ran(['provision', '--accept-source', 'images', 'scans'], { provision });
  assert.deepEqual(asked, [{ acceptSources: [] }, { acceptSources: ['images', 'scans'] }]);
});

test('sweep passes on what was asked, and reports per bucket', async () => {
  const asked: SweepRequest[] = [];
  const sweep = async (_configuration: unknown, request: SweepRequest) => {
    asked.push(request);
    return [REPORT];
  };
  const { code, out } = await ran(['sweep'], { sweep });
  assert.deepEqual(
    [code, out],
    [0, 'images/: 5 objects, 4 rows: 2 missing, 1 stale, 0 gone, 0 uncovered; 3 published\n'],
  );
  await ran(['sweep', '--bucket', 'images', '--prefix', 'a/', '--dry-run', '--allow-removals', '7'], { sweep });
  assert.deepEqual(asked, [
    { prefix: '', dryRun: false, allowRemovals: 0 },
    { bucket: 'images', prefix: 'a/', dryRun: true, allowRemovals: 7 },
  ]);
});

test('I5: removals that the guard withheld are exit code 1, with the way to allow them', async () => {
  const sweep = async () => [{ ...REPORT, withheld: 40, reason: 'TOO_MANY' as const }];
  const { code, out, err } = await ran(['sweep', '--json'], { sweep });
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).withheld, 40);
  const { error } = JSON.parse(err);
  assert.equal(error.code, 'REMOVALS_WITHHELD');
  assert.match(error.remedy, /--allow-removals 40/);
  assert.equal((await ran(['sweep', '--dry-run'], { sweep })).code, 0);
});

test('a signal interrupts a sweep; a second one exits at once', async () => {
  const process = fakeProcess(['sweep']);
  const under = Promise.withResolvers<AbortSignal>();
  const sweep = (_configuration: unknown, _request: unknown, { signal }: { readonly signal: AbortSignal }) => {
    under.resolve(signal);
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  };
  const code = runCli(process.io, fakeDeps({ sweep }));
  const signal = await under.promise;
  process.signal('SIGINT');
  assert.ok(isAppError(signal.reason, 'INTERRUPTED'));
  process.signal('SIGINT');
  assert.deepEqual(process.exits, [130]);
  assert.equal(await code, 1);
  assert.equal(process.listeners(), 0);
});

test('stack passes on its options, prints, and ends with 0 after a signal', async () => {
  const requests: StackRequest[] = [];
  const args = ['stack', '--data', 'x', '--port-base', '9500', '--processors', '2', '--no-demo'];
  const process = fakeProcess(args, { cwd: '/home/me' });
  const deps = fakeDeps({
    runStack: async (request, { print, signal }) => {
      requests.push(request);
      print('ready');
      process.signal('SIGTERM');
      assert.ok(signal.aborted);
    },
  });
  assert.equal(await runCli(process.io, deps), 0);
  assert.deepEqual(requests, [{ folder: '/home/me/x', portBase: 9500, processors: 2, demo: false }]);
  assert.equal(process.out(), 'ready\n');
});

test('the stack can configure itself with its own servers', async () => {
  const stack = {
    s3: { endpoint: 'http://127.0.0.1:1', accessKey: 'a', secretKey: 's', region: 'r', bucket: 'b' },
    nats: { url: 'nats://127.0.0.1:2' },
    postgres: { url: 'postgres://127.0.0.1:3/m' },
    volumes: [{ id: '', tier: 'standard', path: '/v' }],
  };
  const { code, err } = await ran(['stack'], {
    runStack: async (_request, { configure }) => {
      const { store, volumes } = await configure(stack);
      assert.deepEqual([store.endpoint, volumes.length], ['http://127.0.0.1:1', 1]);
    },
  });
  assert.deepEqual([code, err], [0, '']);
});
