// docker-compose.yml as text: what can be known of it without an engine. test/compose/run proves the rest.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { minioEnv } from '../../workers/local/minio.ts';
import { configurationSchema, settings } from '../../workers/model/configuration.ts';
import { entriesOf } from '../../workers/platform/config-schema.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Service {
  readonly image: string;
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt: readonly string[];
  readonly mem_limit: string;
  readonly restart: string;
  readonly healthcheck?: object;
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly command?: readonly string[];
}

const text = textOf('docker-compose.yml');
const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };
const ROLES = ['processor', 'keeper', 'provision'];
const ONE_SHOTS = ['provision', 'volume-owners'];

test('every service is confined: its own user, a read-only root, no capability, a memory limit', () => {
  for (const [name, service] of Object.entries(services)) {
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
    assert.ok(service.mem_limit, name);
    if (name === 'volume-owners') assert.deepEqual([service.user, service.cap_add], ['0:0', ['CHOWN']]);
    else assert.deepEqual([/^[1-9]\d*:[1-9]\d*$/.test(service.user), service.cap_add], [true, undefined], name);
  }
});

test('what runs on restarts by itself and says whether it is healthy; what runs once does not', () => {
  for (const [name, { restart, healthcheck }] of Object.entries(services)) {
    const once = ONE_SHOTS.includes(name);
    assert.deepEqual([restart, healthcheck === undefined], [once ? 'no' : 'unless-stopped', once], name);
  }
});

test('ports are published on 127.0.0.1 only, and each can be moved', () => {
  const ports = Object.values(services).flatMap((service) => service.ports ?? []);
  assert.equal(ports.length, 4);
  for (const port of ports) assert.match(port, /^127\.0\.0\.1:\$\{[A-Z0-9]+_PORT:-\d+\}:\d+$/);
});

test('the roles are given every setting that has a variable', () => {
  const variables = entriesOf(configurationSchema, settings).flatMap(({ meta }) => meta?.env ?? []);
  for (const role of ROLES) {
    assert.deepEqual(Object.keys(services[role]?.environment ?? {}).sort(), [...variables].sort(), role);
  }
});

test('MinIO is started with the same switches and targets as that of the local stack', () => {
  const nats = { host: 'nats', port: 4222, user: 'u', password: 'p' };
  const wanted = minioEnv({ binary: '', folder: '/f', port: 9000, accessKey: 'a', secretKey: 's', nats });
  const values: Readonly<Record<string, string>> = {
    [wanted['MINIO_ROOT_USER'] ?? '']: '${MILLRACE_STORE_ACCESS_KEY:-millrace}',
    [wanted['MINIO_ROOT_PASSWORD'] ?? '']: '${MILLRACE_STORE_SECRET_KEY:-development-only}',
    u: '${MILLRACE_NATS_USER-millrace}',
    p: '${MILLRACE_NATS_PASSWORD-development-only}',
    '/f/minio/events': '/var/lib/minio/events',
  };
  const expected = Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, values[value] ?? value]));
  assert.deepEqual(services['minio']?.environment, expected);
});

test('MinIO is built at the version of the local stack, and NATS is as new', () => {
  const version = /v0\.0\.0-\d{14}-[0-9a-f]{12}/;
  const local = textOf('workers/local/binaries.ts');
  assert.equal(version.exec(textOf('config/images/minio.Dockerfile'))?.[0], version.exec(local)?.[0]);
  const [, minor] = /nats-server[\s\S]*?version: 'v(\d+\.\d+)/.exec(local) ?? [];
  assert.equal(services['nats']?.image, `nats:${minor}-alpine`);
});

test('.env.example names every variable of docker-compose.yml, each with its default', () => {
  const example = new Map(
    textOf('.env.example')
      .split('\n')
      .flatMap((line) => (/^[A-Z0-9_]+=/.test(line) ? [line.split(/=(.*)/s).slice(0, 2) as [string, string]] : [])),
  );
  const inUse = new Map(
    Array.from(text.matchAll(/\$\{([A-Z0-9_]+):?-((?:\$\{[^}]*\}|[^${}])*)\}/g), ([, name = '', value = '']) => [
      name,
      value,
    ]),
  );
  inUse.set('POSTGRES_PASSWORD', 'development-only'); // stands inside of another one's default, too
  const flat = (value: string) => value.replace(/\$\{([A-Z_]+):-[^}]*\}/g, '${$1}');
  const defaults = Array.from(inUse, ([name, value]) => [name, flat(value)] as const);
  assert.deepEqual(Object.fromEntries(example), Object.fromEntries(defaults));
});

test('the image takes nothing from the checkout but what it needs', () => {
  const [first, ...rest] = textOf('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(first, '*');
  assert.ok(rest.every((line) => line.startsWith('!')));
  const copied = Array.from(
    textOf('config/images/millrace.Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm),
    ([, files = '']) => files.split(' '),
  ).flat();
  assert.deepEqual(copied.sort(), rest.map((line) => line.slice(1)).sort());
});
