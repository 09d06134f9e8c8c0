import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfiguration, roleSettings } from '../../../workers/cli/load-configuration.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { tempDir } from '../../harness/temp-dir.ts';
import { fakeProcess, ran, SERVERS } from './fake-process.ts';

const STACK = {
  s3: { endpoint: 'http://127.0.0.1:9400', accessKey: 'ak', secretKey: 'sk', region: 'eu-1', bucket: 'images' },
  nats: { url: 'nats://u:pw@127.0.0.1:9401' },
  postgres: { url: 'postgres://u:pw@127.0.0.1:9402/m' },
  volumes: [{ id: 'v1', tier: 'standard', path: '/data/v1' }],
};

async function folderWithStack(text = JSON.stringify(STACK)) {
  const folder = await tempDir();
  await mkdir(join(folder.path, '.millrace'));
  await writeFile(join(folder.path, '.millrace', 'stack.json'), text);
  return folder;
}

function world(cwd: string, env: Record<string, string> = {}) {
  return fakeProcess([], { cwd, env }).io;
}

test('without settings in the environment the stack of the working folder is used', async () => {
  await using folder = await folderWithStack();
  const { configuration, stack } = await loadConfiguration({}, world(folder.path));
  assert.equal(configuration.store.endpoint, STACK.s3.endpoint);
  assert.equal(configuration.store.region, 'eu-1');
  assert.equal(configuration.database.url, STACK.postgres.url);
  assert.deepEqual(configuration.volumes, [{ tier: 'standard', path: '/data/v1' }]);
  assert.equal(configuration.host, 'host-1');
  assert.deepEqual(stack?.volumes, STACK.volumes);
});

test('with a server in the environment, or in the file, it is not', async () => {
  await using folder = await folderWithStack();
  const fromEnv = await loadConfiguration({}, world(folder.path, SERVERS));
  assert.deepEqual([fromEnv.configuration.store.endpoint, fromEnv.stack], ['http://127.0.0.1:9000', null]);
  const only = world(folder.path, { MILLRACE_NATS_URL: 'nats://h' });
  await assert.rejects(loadConfiguration({}, only), (error) => isAppError(error, 'CONFIG_INVALID'));
  await writeFile(join(folder.path, 'own.yaml'), 'sources: [{bucket: b}]\ndatabase: {url: "postgres://h/x"}\n');
  await assert.rejects(loadConfiguration({ config: 'own.yaml' }, world(folder.path)), (error) =>
    isAppError(error, 'CONFIG_INVALID'),
  );
});

test('a stack that is named wins over environment and file, with all of its identity', async () => {
  await using folder = await folderWithStack();
  const env = {
    ...SERVERS,
    MILLRACE_NATS_USER: 'me',
    MILLRACE_NATS_PASSWORD: 'mine',
    MILLRACE_VOLUMES: 'standard:/else',
  };
  const { configuration } = await loadConfiguration({ stack: '.millrace/stack.json' }, world(folder.path, env));
  assert.equal(configuration.store.endpoint, STACK.s3.endpoint);
  assert.deepEqual(
    { ...configuration.nats },
    { url: STACK.nats.url, user: undefined, password: undefined, token: undefined },
  );
  assert.equal(configuration.volumes[0]?.path, '/data/v1');
});

test('a stack that is named and not there, or not one, is a clear error without its content', async () => {
  await using folder = await folderWithStack('{"s3":{"secretKey":"hunter2"');
  await assert.rejects(loadConfiguration({ stack: 'no.json' }, world(folder.path)), (error) =>
    isAppError(error, 'STACK_NOT_RUNNING'),
  );
  for (const text of ['{"s3":{"secretKey":"hunter2"', '{"s3":{"secretKey":"hunter2"}}']) {
    await writeFile(join(folder.path, '.millrace', 'stack.json'), text);
    const { code, err } = await ran(['config', 'check'], {}, { cwd: folder.path, env: {} });
    assert.equal(code, 1);
    assert.ok(err.includes('STACK_FILE_UNREADABLE') && !err.includes('hunter2'), err);
  }
});

test('MILLRACE_CONFIG and --config name another file, the option wins', async () => {
  await using folder = await tempDir();
  await writeFile(join(folder.path, 'a.yaml'), 'sources: [{bucket: aaa}]');
  await writeFile(join(folder.path, 'b.yaml'), 'sources: [{bucket: bbb}]');
  const io = world(folder.path, { ...SERVERS, MILLRACE_CONFIG: 'a.yaml' });
  assert.equal((await loadConfiguration({}, io)).configuration.sources[0]?.bucket, 'aaa');
  assert.equal((await loadConfiguration({ config: 'b.yaml' }, io)).configuration.sources[0]?.bucket, 'bbb');
});

test('roles of a stack get the settings of the operator, but no servers', () => {
  const env = {
    ...SERVERS,
    MILLRACE_STORE_SECRET_KEY_FILE: '/x',
    MILLRACE_STORE_NAME: 'mine',
    MILLRACE_VOLUMES: 'x',
    MILLRACE_LOG_LEVEL: 'debug',
    PATH: '/bin',
  };
  assert.deepEqual(roleSettings(env, { config: 'my.yaml' }, '/home/me'), {
    MILLRACE_STORE_NAME: 'mine',
    MILLRACE_LOG_LEVEL: 'debug',
    MILLRACE_CONFIG: '/home/me/my.yaml',
  });
});

test('I9: config show has no secret, as YAML and as JSON', async () => {
  const yaml = await ran(['config', 'show']);
  const json = await ran(['config', 'show', '--json']);
  assert.deepEqual([yaml.code, json.code], [0, 0]);
  assert.equal(JSON.parse(json.out).store.secretKey, '[redacted]');
  for (const { out } of [yaml, json]) {
    assert.ok(out.includes('http://127.0.0.1:9000') && !out.includes('secret-of-the'), out);
  }
});

test('config check says that all is well, or every fault at once with what to do', async () => {
  const fine = await ran(['config', 'check']);
  assert.deepEqual([fine.code, fine.err], [0, '']);
  const { code, err } = await ran(
    ['config', 'check', '--json'],
    {},
    { env: { MILLRACE_STORE_ENDPOINT: 'x', MILLRACE_HOTS: 'h' } },
  );
  assert.equal(code, 1);
  const { error } = JSON.parse(err);
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.equal(error.faults.length, 6);
  assert.match(error.message, /MILLRACE_HOTS: unknown variable; did you mean MILLRACE_HOST\?/);
  assert.match(error.remedy, /npm start/);
});
