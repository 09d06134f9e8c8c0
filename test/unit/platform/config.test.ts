import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { closest } from '../../../workers/platform/closest.ts';
import { readConfig, setsAny } from '../../../workers/platform/config.ts';
import { readYamlLayer } from '../../../workers/platform/config-file.ts';
import type { SettingMeta } from '../../../workers/platform/config-schema.ts';
import { configTable, dumpConfig, secretsOf } from '../../../workers/platform/config-text.ts';
import { type AppError, isAppError } from '../../../workers/platform/errors.ts';
import { tempDir } from '../../harness/temp-dir.ts';

const registry = z.registry<SettingMeta>();

function setting<S extends z.ZodType>(schema: S, meta: SettingMeta): S {
  registry.add(schema, meta);
  return schema;
}

const schema = z.strictObject({
  server: z.strictObject({
    port: setting(z.number().int().min(1).max(65_535), { doc: 'Where.', form: 'a port', env: 'APP_PORT' }),
    open: setting(z.boolean().default(false), { doc: 'Whether.', form: 'true or false', env: 'APP_OPEN' }),
    key: setting(z.string().min(4), { doc: 'Secret.', form: 'a key', env: 'APP_KEY', secret: 'whole' }),
    url: setting(z.url().optional(), { doc: 'Link.', form: 'a URL', env: 'APP_URL', secret: 'password' }),
  }),
  rules: setting(z.array(z.strictObject({ name: setting(z.string(), { doc: 'Name.', form: 'a text' }) })).default([]), {
    doc: 'Rules.',
    form: 'a list',
    env: 'APP_RULES',
    fromEnv: (text) => text.split(',').map((name) => ({ name })),
  }),
});

interface Given {
  readonly file?: unknown;
  readonly env?: Record<string, string>;
  readonly override?: unknown;
}

function read({ file = {}, env = {}, override }: Given) {
  return readConfig({
    schema,
    registry,
    layers: [{ name: 'app.yaml', values: file }],
    overrides: override === undefined ? [] : [{ name: 'the stack', values: override }],
    env,
    envPrefix: 'APP_',
    otherVariables: ['APP_HOME'],
  });
}

async function faults(given: Given): Promise<string[]> {
  const error = await read(given).then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(isAppError(error, 'CONFIG_INVALID'), String(error));
  return listed(error);
}

function listed({ message }: AppError): string[] {
  return message
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}

const SERVER = { port: 1, key: 'abcd' };

test('the environment wins over the file, an override over both; text becomes what the setting is', async () => {
  const file = { server: { ...SERVER, open: false }, rules: [{ name: 'a' }] };
  const env = {
    APP_PORT: '2',
    APP_OPEN: 'true',
    APP_KEY: '1234',
    APP_RULES: 'b,c',
    APP_URL: '',
    APP_HOME: 'x',
    OTHER: 'y',
  };
  assert.deepEqual(await read({ file, env }), {
    server: { port: 2, open: true, key: '1234' },
    rules: [{ name: 'b' }, { name: 'c' }],
  });
  assert.equal((await read({ file, env, override: { server: { port: 3 } } })).server.port, 3);
});

test('a group that is empty in the file counts as absent', async () => {
  assert.equal(
    (await read({ file: { server: null, rules: undefined }, env: { APP_PORT: '7', APP_KEY: 'abcd' } })).server.port,
    7,
  );
});

test('every fault is told at once, each with its key, its variable, the form, what was found and where', async () => {
  const file = { server: { open: 'maybe', prot: 1 }, rules: [{ name: 5 }, 'x'], sever: {} };
  assert.deepEqual(await faults({ file, env: { APP_PORT: 'http', APP_URL: 'x', APP_PROT: '1' } }), [
    'APP_PROT: unknown variable; did you mean APP_PORT?',
    'server.port (APP_PORT): expected a port; found "http" in APP_PORT',
    'server.open (APP_OPEN): expected true or false; found "maybe" in app.yaml',
    'server.key (APP_KEY): missing; expected a key',
    'server.url (APP_URL): expected a URL; found a value that is not shown in APP_URL',
    'server.prot: unknown key in app.yaml; did you mean `port`?',
    'rules[0].name: expected a text; found 5 in app.yaml',
    'rules[1]: expected a group of settings (`name`); found "x" in app.yaml',
    'sever: unknown key in app.yaml; did you mean `server`?',
  ]);
  assert.deepEqual(await faults({ file: 'words' }), [
    'everything: expected a group of settings (`server`, `rules`); found "words" in app.yaml',
  ]);
});

test('I9: a fault shows no secret', async () => {
  const told = await faults({
    file: { server: { ...SERVER, key: 'abc' }, 'http://u:hunter2@h': 'hunter2' },
    env: { APP_PORT: 'amqp://u:hunter2@h' },
  });
  assert.equal(told.length, 3);
  assert.ok(!told.join().includes('"abc"') && !told.join().includes('u:hunter2'), told.join());
});

test('a secret can come from a file; not both ways, and nothing else can', async () => {
  await using folder = await tempDir();
  const path = join(folder.path, 'key');
  await writeFile(path, 'from the file\n');
  const file = { server: { port: 1 } };
  assert.equal((await read({ file, env: { APP_KEY_FILE: path } })).server.key, 'from the file');
  assert.match(
    (await faults({ file, env: { APP_KEY_FILE: path, APP_KEY: 'abcd' } })).join(),
    /^server.key \(APP_KEY\): set, and APP_KEY_FILE too/,
  );
  const missing = await faults({ file, env: { APP_KEY_FILE: `${path}.not` } });
  assert.equal(missing.length, 1);
  assert.match(missing.join(), /APP_KEY_FILE names .*key\.not, which cannot be read \(ENOENT/);
  assert.match(
    (await faults({ file: { server: SERVER }, env: { APP_PORT_FILE: path } })).join(),
    /^APP_PORT_FILE: unknown variable/,
  );
});

test('who sets a key can be asked', () => {
  const ask = (values: unknown, env: Record<string, string>) =>
    setsAny(['server.key', 'server.port'], { schema, registry, layers: [{ name: 'f', values }], env });
  assert.equal(ask({ server: { open: true } }, { APP_URL: 'x' }), false);
  assert.equal(ask({ server: { port: 0 } }, {}), true);
  assert.equal(ask(null, { APP_KEY_FILE: '/x' }), true);
  assert.equal(ask(null, { APP_KEY: '' }), false);
});

test('a YAML file with syntax faults names their lines and quotes nothing', async () => {
  await using folder = await tempDir();
  const path = join(folder.path, 'app.yaml');
  await writeFile(path, 'server:\n  key: hunter2\n  key: hunter3\n bad: [\n');
  const error = await readYamlLayer(path).catch((thrown: unknown) => thrown);
  assert.ok(isAppError(error, 'CONFIG_INVALID'));
  assert.match(error.message, /app\.yaml line 3/);
  assert.match(error.message, /app\.yaml line 4/);
  assert.ok(!error.message.includes('hunter'), error.message);
  await writeFile(path, '# nothing\n');
  assert.deepEqual((await readYamlLayer(path)).values, {});
  await assert.rejects(readYamlLayer(join(folder.path, 'none.yaml')), (thrown) =>
    isAppError(thrown, 'CONFIG_UNREADABLE'),
  );
});

test('I9: the dump has every setting and no secret; the scrubber gets every secret', async () => {
  const config = await read({ file: { server: { ...SERVER, key: 'hunter2', url: 'amqp://u:hunter%203@h/x' } } });
  const dump = dumpConfig(schema, registry, config);
  assert.equal(
    dump,
    'server:\n  port: 1\n  open: false\n  key: "[redacted]"\n  url: amqp://u:[redacted]@h/x\nrules: []\n',
  );
  assert.deepEqual(secretsOf(schema, registry, config), ['hunter2', 'hunter%203', 'hunter 3']);
});

test('the table has a line per setting', () => {
  const lines = configTable(schema, registry).trimEnd().split('\n');
  assert.equal(lines[2], '| `server.port` | `APP_PORT` | a port | **required** | Where. |');
  assert.equal(lines[4], '| `server.key` | `APP_KEY` (or `…_FILE`) | a key | **required** | Secret. |');
  assert.equal(lines.at(-1), '| `rules[].name` |  | a text | **required** | Name. |');
});

test('a setting without a meaning is refused when the schema is read', () => {
  assert.throws(() => configTable(z.strictObject({ a: z.string() }), registry), /the setting a has no description/);
});

test('what was probably meant is found, another word is not', () => {
  const names = ['sources', 'presets', 'limits'];
  assert.deepEqual(
    ['source', 'soruces', 'PRESETS', 'limit', 'volumes', 'x'].map((typed) => closest(typed, names)),
    ['sources', 'sources', 'presets', 'limits', undefined, undefined],
  );
});
