// The packed tarball, installed in an empty folder elsewhere: the command runs there, and so do keeper and processor, on real servers.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Client as S3 } from 'minio';
import { freePorts } from '../../workers/local/ports.ts';
import { startRole } from '../../workers/local/role-process.ts';
import type { ObjectView } from '../../workers/pipeline/object-view.ts';
import { picture } from '../faults/pictures.ts';
import { eventually } from '../harness/eventually.ts';
import { killAtExit } from '../harness/leaks.ts';
import { assertNoChildren, startTestServers, tempDir } from '../harness/servers.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PATH = [dirname(process.execPath), process.env['PATH']].join(':');
const run = promisify(execFile);

async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('npm', [...args, '--no-audit', '--no-fund'], { cwd, env: { ...process.env, PATH } });
  return stdout.trim();
}

async function reachesRegistry(): Promise<boolean> {
  try {
    await npm(ROOT, 'view', 'commander', 'version', '--fetch-retries=1', '--prefer-online');
    return true;
  } catch {
    return false; // what npm says of it differs from one network to the next
  }
}

test('the installed package has the command, and renders', async (t) => {
  if (!(await reachesRegistry())) return t.skip('npm does not reach its registry, where the dependencies come from');
  await using dir = await tempDir();
  const tarball = await npm(ROOT, 'pack', '--silent', '--pack-destination', dir.path);
  await writeFile(join(dir.path, 'package.json'), '{}');
  await npm(dir.path, 'install', '--prefer-offline', join(dir.path, tarball));

  const installed = join(dir.path, 'node_modules', 'millrace');
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter(
    (file) => !file.includes('node_modules'),
  );
  assert.deepEqual(
    files.filter((file) => file.endsWith('.ts') || file.startsWith('test')),
    [],
    'neither types nor tests',
  );
  assert.throws(() => statSync(join(dir.path, 'node_modules', 'typescript')), 'no development dependency is installed');

  await using servers = await startTestServers({ nats: true, minio: true, postgres: true });
  const { nats, minio, postgres } = servers;
  const env = {
    PATH,
    HOME: dir.path,
    MILLRACE_STORE_ENDPOINT: minio.endpoint,
    MILLRACE_STORE_ACCESS_KEY: minio.accessKey,
    MILLRACE_STORE_SECRET_KEY: minio.secretKey,
    MILLRACE_NATS_URL: nats.url,
    MILLRACE_DATABASE_URL: await postgres.createDatabase(),
    MILLRACE_VOLUMES: `standard:${join(dir.path, 'volume')}`,
    MILLRACE_HOST: 'pack-test',
  };
  const command = join(dir.path, 'node_modules', '.bin', 'millrace');
  const millrace = async (...args: string[]) => (await run(command, args, { cwd: dir.path, env })).stdout;

  assert.match(await millrace('--help'), /^Usage: millrace /);
  assert.match(await millrace('provision'), /stream EVENTS: created/);

  const [keeperPort = 0, processorPort = 0] = await freePorts(2);
  const start = async (kind: 'keeper' | 'processor', port: number) => {
    const own = { ...env, [`MILLRACE_${kind.toUpperCase()}_HEALTH_PORT`]: String(port) };
    const role = { kind, name: kind, port };
    const server = await startRole(
      role,
      { command, args: [kind], env: own },
      { folder: dir.path, signal: new AbortController().signal },
    );
    killAtExit(server);
    return server;
  };
  const keeper = await start('keeper', keeperPort);
  const processor = await start('processor', processorPort);

  const { host: endPoint, port, accessKey, secretKey, region } = minio;
  const s3 = new S3({ endPoint, port, useSSL: false, accessKey, secretKey, region });
  const { bytes } = await picture(1, 'jpeg', 800);
  await s3.putObject('images', 'holiday/a b.jpg', bytes, bytes.length, { 'content-type': 'image/jpeg' });
  const shown = await eventually(
    async () => {
      const view = JSON.parse(await millrace('object', 'show', 'images/holiday/a b.jpg', '--json')) as ObjectView;
      return view.state === 'committed' ? view : null;
    },
    { timeoutMs: 60_000, what: 'the commit of the picture' },
  );
  assert.deepEqual(
    shown.renditions.map(({ preset, width, bytes, path }) => [preset, width, statSync(path ?? '').size === bytes]),
    [
      ['large', 800, true],
      ['medium', 640, true],
      ['thumb', 160, true],
    ],
  );

  for (const role of [processor, keeper]) {
    await role.stop();
    assert.equal((await role.exited).code, 0, 'it ends by itself at SIGTERM');
  }
  await servers.stop();
  assertNoChildren();
});
