import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { z } from 'zod';
import {
  type Configuration,
  configurationFrom,
  configurationSchema,
  generationContent,
  wantedOf,
} from '../../../workers/model/configuration.ts';
import { crossCheck } from '../../../workers/model/configuration-checks.ts';
import { desiredOf } from '../../../workers/model/desired.ts';
import { readYamlLayer } from '../../../workers/platform/config-file.ts';
import { SETTINGS_PAGE, withTable } from '../../tools/settings-page.ts';

type Input = z.input<typeof configurationSchema>;

const BASE: Input = {
  sources: [{ bucket: 'images' }],
  store: { endpoint: 'http://127.0.0.1:9000', accessKey: 'key', secretKey: 'secret' },
  nats: { url: 'nats://127.0.0.1:4222' },
  database: { url: 'postgres://millrace@127.0.0.1:5432/millrace' },
  host: 'host-1',
};

function made(changes: Partial<Input> = {}): Configuration {
  return configurationFrom({ ...BASE, ...changes });
}

function refused(changes: Record<string, unknown>): string[] {
  const parsed = configurationSchema.safeParse({ ...BASE, ...changes });
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('the defaults are those that the README promises', () => {
  const { presets, tiers, limits, damaged, gps, store, volumes } = made();
  const recipe = { fit: 'inside', format: 'webp', quality: 80, effort: 2 };
  assert.deepEqual(presets, {
    large: { longSidePx: 1600, ...recipe },
    medium: { longSidePx: 640, ...recipe },
    thumb: { longSidePx: 160, ...recipe },
  });
  assert.deepEqual(tiers, { standard: {} });
  assert.equal(limits.sourceMaxBytes, 256 * 1024 * 1024);
  assert.deepEqual([damaged, gps, store.name, store.region, volumes], ['render', false, 'main', 'us-east-1', []]);
});

test('config/millrace.yaml is accepted, and spells out defaults only', async () => {
  const { values } = await readYamlLayer(join(import.meta.dirname, '../../../config/millrace.yaml'));
  const configuration = configurationFrom({ ...BASE, ...(values as Partial<Input>) });
  assert.equal(generationContent(configuration), generationContent(made()));
});

test('config/README.md has the table that the schema makes (npm run -s docs writes it)', async () => {
  const page = await readFile(SETTINGS_PAGE, 'utf8');
  assert.equal(page, withTable(page));
});

const CONTRADICTIONS: readonly [name: string, changes: Record<string, unknown>, faults: readonly string[]][] = [
  [
    'a source names an unknown preset, also one that every object has by birth',
    { sources: [{ bucket: 'images', presets: ['huge', 'constructor', 'large'] }] },
    [
      'sources.0.presets.0: `presets` has no `huge`; it has `large`, `medium`, `thumb`',
      'sources.0.presets.1: `presets` has no `constructor`; it has `large`, `medium`, `thumb`',
    ],
  ],
  [
    'a source names an unknown tier',
    { sources: [{ bucket: 'images', tier: 'fast' }] },
    ['sources.0.tier: `tiers` has no `fast`; it has `standard`'],
  ],
  [
    'a volume names an unknown tier',
    { volumes: [{ path: '/a', tier: 'fast' }] },
    ['volumes.0.tier: `tiers` has no `fast`; it has `standard`'],
  ],
  [
    'two sources are for the same prefix',
    { sources: [{ bucket: 'images' }, { bucket: 'images', prefix: 'a/' }, { bucket: 'images', prefix: '' }] },
    ['sources.2: is for the same as sources[0]; one of them has to go'],
  ],
  [
    'two volumes are one directory',
    {
      volumes: [
        { path: '/a', tier: 'standard' },
        { path: '/a', tier: 'standard' },
      ],
    },
    ['volumes.1: is for the same as volumes[0]; one of them has to go'],
  ],
  [
    'WebP has no such effort',
    { presets: { a: { longSidePx: 1, effort: 7 } } },
    ['presets.a.effort: 7 is too much for WebP, which takes 0 to 6'],
  ],
  [
    'a user has no password',
    { nats: { url: 'nats://h', user: 'me' } },
    ['nats.password: missing, though nats.user is set'],
  ],
  [
    'a token stands beside a user',
    { nats: { url: 'nats://h', user: 'me', password: 'pw', token: 't' } },
    ['nats.token: set beside nats.user and nats.password; the server takes one or the other'],
  ],
];

for (const [name, changes, faults] of CONTRADICTIONS) {
  test(`refused: ${name}`, () => assert.deepEqual(refused(changes), faults));
}

test('contradictions are told beside other faults', () => {
  const told = refused({ gps: 'yes', sources: [{ bucket: 'images', tier: 'fast' }, { bucket: 'B!' }] });
  assert.equal(told.length, 3, told.join('\n'));
});

test('half-broken configurations do not break the cross-check', () => {
  for (const broken of [
    null,
    5,
    [],
    { sources: 'x' },
    { sources: [null, 5, { presets: 'x', tier: 1 }], presets: [], tiers: 3, volumes: {}, nats: [] },
  ]) {
    assert.deepEqual(crossCheck(broken), []);
  }
});

const WRONG: readonly (readonly [string, Record<string, unknown>])[] = [
  ['an endpoint with a path', { store: { ...BASE.store, endpoint: 'http://h:9000/minio' } }],
  ['an endpoint with a password', { store: { ...BASE.store, endpoint: 'http://u:p@h:9000' } }],
  ['a database of another kind', { database: { url: 'mysql://h/x' } }],
  ['a name with capitals', { presets: { Large: { longSidePx: 1 } } }],
  ['a name that is too long', { tiers: { ['a'.repeat(33)]: {} } }],
  ['a volume by relative path', { volumes: [{ path: 'a', tier: 'standard' }] }],
  ['a keeper without a port', { keeper: { listen: '127.0.0.1' } }],
  ['a keeper with a port beyond the last', { keeper: { listen: '127.0.0.1:65536' } }],
  ['no source', { sources: [] }],
  ['an empty list of presets', { sources: [{ bucket: 'images', presets: [] }] }],
  ['a quality of 0', { presets: { a: { longSidePx: 1, quality: 0 } } }],
  ['an unknown key', { sauces: [] }],
];

for (const [name, changes] of WRONG) test(`refused: ${name}`, () => assert.notDeepEqual(refused(changes), []));

test('what is wanted has every preset where a source names none', () => {
  const configuration = made({
    sources: [{ bucket: 'images' }, { bucket: 'images', prefix: 'a/', presets: ['thumb'] }],
  });
  const wanted = wantedOf(configuration, 7);
  const names = (key: string) =>
    desiredOf({ store: 'main', bucket: 'images', key }, wanted)?.presets.map(({ name }) => name);
  assert.equal(wanted.generation, 7);
  assert.deepEqual(names('b.jpg'), ['large', 'medium', 'thumb']);
  assert.deepEqual(names('a/b.jpg'), ['thumb']);
  assert.equal(desiredOf({ store: 'other', bucket: 'images', key: 'b.jpg' }, wanted), null);
});

test('I11: the generation stands for what is wanted, not for how it is written or where it runs', () => {
  const two = { b: { longSidePx: 2 }, a: { longSidePx: 1, effort: 2 } };
  const sources = [{ bucket: 'bbb' }, { bucket: 'aaa', presets: ['b', 'a'] }];
  const base = generationContent(made({ presets: two, sources }));
  const same: Partial<Input> = {
    presets: { a: { longSidePx: 1 }, b: { effort: 2, longSidePx: 2 } },
    sources: [
      { bucket: 'aaa', presets: ['a', 'b'], prefix: '' },
      { bucket: 'bbb', presets: ['a', 'b'] },
    ],
    tiers: { standard: { description: 'words' } },
    host: 'host-2',
    nats: { url: 'nats://elsewhere' },
    volumes: [{ path: '/v', tier: 'standard' }],
    processor: { renderers: 9 },
  };
  assert.equal(generationContent(made(same)), base);
  const others: Partial<Input>[] = [
    { gps: true },
    { damaged: 'refuse' },
    { limits: { maxFrames: 7 } },
    { tiers: { standard: {}, fast: {} } },
    { sources: [{ bucket: 'bbb' }] },
    { presets: { ...two, b: { longSidePx: 3 } } },
  ];
  for (const other of others)
    assert.notEqual(generationContent(made({ presets: two, sources, ...other })), base, JSON.stringify(other));
});

test('volumes can be given in one variable', async () => {
  const { settings } = await import('../../../workers/model/setting.ts');
  const volumes = configurationSchema.shape.volumes;
  assert.deepEqual(settings.get(volumes)?.fromEnv?.('standard:/srv/a, fast:/b:c,,/d'), [
    { tier: 'standard', path: '/srv/a' },
    { tier: 'fast', path: '/b:c' },
    { path: '/d' },
  ]);
});
