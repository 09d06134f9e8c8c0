// The local stack from outside: what it prints, writes and leaves, also when it is killed.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Client as S3 } from 'minio';
import { Client } from 'pg';
import { type PidRecord, isRunning, readPidFile } from '../../../workers/local/pid-file.ts';
import { freePort, isPortFree } from '../../../workers/local/ports.ts';
import type { StackInfo } from '../../../workers/local/stack-file.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { tempDir } from '../../harness/temp-dir.ts';

const SCRIPT = join(import.meta.dirname, 'stack-under-test.ts');
const started = new Set<ChildProcess>();

after(async () => {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  }
  assertNoChildren();
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

function run(folder: string, portBase: number, ...more: string[]): Run {
  const args = [SCRIPT, '--data', folder, '--port-base', String(portBase), ...more];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (data: string) => (text += data));
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return { child, output: () => text, ended };
}

async function ready(folder: string, { child, output }: Run): Promise<StackInfo> {
  await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`ended: ${output()}`);
      return existsSync(join(folder, 'stack.json'));
    },
    { timeoutMs: 60_000, what: 'stack.json' },
  );
  return JSON.parse(await readFile(join(folder, 'stack.json'), 'utf8'));
}

function childrenIn(folder: string): PidRecord[] {
  return readdirSync(join(folder, 'run'))
    .filter((name) => name.endsWith('.pid'))
    .map((name) => readPidFile(join(folder, 'run', name)))
    .filter((record) => record !== undefined);
}

async function assertNothingRuns(records: PidRecord[], portBase: number): Promise<void> {
  assert.deepEqual(records.filter(isRunning), []);
  for (const port of [0, 1, 2, 3, 10].map((offset) => portBase + offset)) assert.equal(await isPortFree(port), true);
}

function s3({ s3: { endpoint, accessKey, secretKey, region } }: StackInfo): S3 {
  const { hostname, port } = new URL(endpoint);
  return new S3({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey, region });
}

async function sql({ postgres: { url } }: StackInfo, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('starts in order, says where to look, stops at SIGTERM; a second start finds its data and credentials', async () => {
  await using dir = await tempDir();
  const folder = join(dir.path, 'data folder');
  const portBase = await freePort();
  const first = run(folder, portBase, '--processors', '2');
  const info = await ready(folder, first);
  await eventually(() => first.output().includes('Ready.'));
  const told = first
    .output()
    .split('\n')
    .filter((line) => /^(streams|store|role|demo|Ready)/.test(line));
  assert.deepEqual(
    told.map((line) => line.split('.')[0]),
    ['streams', 'store', 'role keeper', 'role processor-1', 'role processor-2', 'demo', 'Ready'],
  );

  assert.equal(statSync(join(folder, 'stack.json')).mode & 0o777, 0o600);
  assert.deepEqual(Object.keys(info), ['s3', 'nats', 'postgres', 'volumes']);
  assert.deepEqual(Object.keys(info.s3), ['endpoint', 'accessKey', 'secretKey', 'region', 'bucket']);
  assert.deepEqual(
    [info.s3.endpoint, info.s3.region, info.s3.bucket],
    [`http://127.0.0.1:${portBase}`, 'us-east-1', 'photos'],
  );
  assert.match(info.nats.url, new RegExp(`^nats://\\w+:\\w+@127\\.0\\.0\\.1:${portBase + 1}$`));
  assert.match(info.postgres.url, new RegExp(`^postgres://\\w+:\\w+@127\\.0\\.0\\.1:${portBase + 2}/millrace$`));
  assert.deepEqual(info.volumes, [{ id: 'one', tier: 'default', path: join(folder, 'volumes', 'one') }]);

  await s3(info).makeBucket('photos');
  await s3(info).putObject('photos', 'a.jpg', Buffer.from('x'), 1);
  await sql(info, 'CREATE TABLE kept AS SELECT 1 AS one');

  const records = childrenIn(folder);
  assert.equal(records.length, 6);
  first.child.kill('SIGTERM');
  assert.deepEqual(await first.ended, { code: 0, signal: null });
  await assertNothingRuns(records, portBase);
  assert.equal(existsSync(join(folder, 'stack.json')), false);
  assert.match(readFileSync(join(folder, 'logs', 'processor-1.log'), 'utf8'), /up\nstopping\n$/);

  const second = run(folder, portBase, '--no-demo');
  const startedMs = performance.now();
  assert.deepEqual(await ready(folder, second), info);
  assert.ok(performance.now() - startedMs < 30_000, 'a second start takes seconds');
  assert.equal((await s3(info).statObject('photos', 'a.jpg')).size, 1);
  assert.deepEqual(await sql(info, 'SELECT one FROM kept'), [{ one: 1 }]);
  second.child.kill('SIGINT');
  assert.deepEqual(await second.ended, { code: 0, signal: null });
  assert.equal(second.output().includes('demo'), false);
});

test('a stack killed with kill -9 does not block the next one, which stops what was left', async () => {
  await using dir = await tempDir();
  const portBase = await freePort();
  const first = run(dir.path, portBase, '--no-demo');
  const info = await ready(dir.path, first);
  await sql(info, 'CREATE TABLE kept AS SELECT 1 AS one');
  const left = childrenIn(dir.path);
  first.child.kill('SIGKILL');
  await first.ended;
  assert.deepEqual(
    left.map(isRunning),
    left.map(() => true),
    'the children outlive it',
  );

  const second = run(dir.path, portBase, '--no-demo');
  await eventually(() => second.output().includes('Ready.'), { timeoutMs: 60_000 });
  for (const name of ['keeper', 'processor-1', 'minio', 'postgres', 'nats-server']) {
    assert.match(second.output(), new RegExp(`Stopped ${name}, left over`));
  }
  assert.deepEqual(left.filter(isRunning), []);
  assert.deepEqual(await sql(info, 'SELECT one FROM kept'), [{ one: 1 }]);

  const third = run(dir.path, portBase);
  assert.equal((await third.ended).code, 1);
  assert.match(third.output(), new RegExp(`^STACK_RUNNING: .*${dir.path}.*pid ${second.child.pid}`, 'm'));

  const records = childrenIn(dir.path);
  second.child.kill('SIGTERM');
  assert.equal((await second.ended).code, 0);
  await assertNothingRuns(records, portBase);
});

test('a role or server that dies is started again', async () => {
  await using dir = await tempDir();
  const portBase = await freePort();
  const stack = run(dir.path, portBase, '--no-demo');
  const info = await ready(dir.path, stack);
  const readyz = async () => (await fetch(`http://127.0.0.1:${portBase + 10}/readyz`)).ok;
  await assert.rejects(fetch(`http://127.0.0.1:${portBase + 10}/die`));
  await eventually(() => stack.output().includes('processor-1 ended (exit code 7)'));
  await eventually(readyz);

  const server = readPidFile(join(dir.path, 'run', 'postgres.pid'));
  assert.ok(server);
  process.kill(server.pid, 'SIGKILL');
  await eventually(() => stack.output().includes('postgres ended (SIGKILL)'));
  await eventually(() => sql(info, 'SELECT 1'), { timeoutMs: 30_000 });

  const records = childrenIn(dir.path);
  stack.child.kill('SIGTERM');
  assert.equal((await stack.ended).code, 0);
  await assertNothingRuns(records, portBase);
});

test('SIGTERM in the middle of a start stops what was started', async () => {
  await using dir = await tempDir();
  const portBase = await freePort();
  const stack = run(dir.path, portBase);
  await eventually(() => stack.output().includes('streams'), { timeoutMs: 60_000 });
  stack.child.kill('SIGTERM');
  assert.equal((await stack.ended).code, 0, stack.output());
  await assertNothingRuns(childrenIn(dir.path), portBase);
  assert.deepEqual(readdirSync(join(dir.path, 'run')), []);
});

test('a port in use ends the start with its name and the remedy, before anything runs', async () => {
  await using dir = await tempDir();
  const portBase = await freePort();
  const stranger = createServer().listen(portBase + 2, '127.0.0.1');
  await once(stranger, 'listening');
  const stack = run(dir.path, portBase);
  assert.equal((await stack.ended).code, 1);
  assert.match(stack.output(), new RegExp(`^PORT_IN_USE: port ${portBase + 2} \\(PostgreSQL\\).*--port-base N`, 'm'));
  await new Promise((resolve) => stranger.close(resolve));
  assert.deepEqual(readdirSync(join(dir.path, 'run')), []);
});
