// Provisioning: once, twice, by two at a time; and what roles say where it was not done, or by a newer build.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../../../workers/index/database.ts';
import { openIndex } from '../../../workers/index/open-index.ts';
import { provisionIndex } from '../../../workers/index/provision-index.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { freePort } from '../../../workers/local/ports.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { quiet, testIndex } from './harness.ts';

const options = (url: string) => ({ url, poolSize: 3, applicationName: 'test' });
const coded = (code: string) => (error: unknown) => isAppError(error, code);

describe('provisioning the index', () => {
  let servers: TestServers<{ postgres: true }>;
  before(async () => {
    servers = await startTestServers({ postgres: true });
  });
  after(async () => {
    await servers.stop();
    assertNoChildren();
  });

  test('the second time changes nothing and finds the same id', async () => {
    const url = await servers.postgres.createDatabase();
    await using first = await provisionIndex(options(url), quiet);
    assert.deepEqual([first.migrations, first.created], [['0001-index', '0002-due-retries'], true]);
    await using second = await provisionIndex(options(url), quiet);
    assert.deepEqual([second.migrations, second.created, second.indexId], [[], false, first.indexId]);
    await using index = openIndex(options(url), quiet);
    assert.equal(await index.verifyIndex(), first.indexId);
  });

  test('two processes at once: both succeed, and agree', async () => {
    const url = await servers.postgres.createDatabase();
    const program = fileURLToPath(new URL('./provision-once.ts', import.meta.url));
    const said = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, [program], {
          env: { ...process.env, INDEX_URL: url },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const lines = await child.stdout.toArray();
        if (child.exitCode === null) await once(child, 'exit');
        assert.equal(child.exitCode, 0);
        return JSON.parse(Buffer.concat(lines).toString()) as {
          indexId: string;
          sourceId: string;
          generation: number;
          made: number;
        };
      }),
    );
    assert.equal(
      new Set(said.map(({ indexId, sourceId, generation }) => `${indexId} ${sourceId} ${generation}`)).size,
      1,
    );
    assert.equal(
      said.reduce((sum, { made }) => sum + made, 0),
      5,
      'both migrations, id, source and generation were each made by one',
    );
  });

  test('a source keeps its id; a bucket that only owes a sweep has none until it is registered', async () => {
    await using made = await testIndex(servers.postgres);
    await using provisioned = await provisionIndex(options(made.url), quiet);
    await made.index.oweSweep('main', 'photos', 'WRONG_TAG');
    const first = await provisioned.registerSource('main', 'photos');
    const second = await provisioned.registerSource('main', 'photos');
    assert.deepEqual([first.created, second.created, second.id], [true, false, first.id]);
    assert.equal(await made.index.sourceId('main', 'photos'), first.id);
    assert.notEqual((await provisioned.registerSource('other', 'photos')).id, first.id);
    const borne = randomUUID();
    assert.deepEqual(await provisioned.registerSource('main', 'tagged', borne), { id: borne, created: true });
    assert.deepEqual(await provisioned.registerSource('main', 'tagged', randomUUID()), { id: borne, created: false });
  });

  test('I11: the same content keeps its generation, older content registered again gets a new one', async () => {
    const url = await servers.postgres.createDatabase();
    await using provisioned = await provisionIndex(options(url), quiet);
    assert.equal(await provisioned.currentGeneration(), null);
    const [a, sameAsA, b] = [{ x: 1, y: [{ p: 1, q: 2 }] }, { y: [{ q: 2, p: 1 }], x: 1 }, { x: 2 }];
    assert.deepEqual(await provisioned.registerGeneration(a), { generation: 1, changed: true });
    assert.deepEqual(await provisioned.registerGeneration(sameAsA), { generation: 1, changed: false });
    assert.deepEqual(await provisioned.registerGeneration(b), { generation: 2, changed: true });
    assert.deepEqual(await provisioned.registerGeneration(a), { generation: 3, changed: true });
    const current = await provisioned.currentGeneration();
    assert.deepEqual([current?.number, current?.content], [3, a]);
    const all = await Promise.all(Array.from({ length: 8 }, (_, n) => provisioned.registerGeneration({ x: n % 2 })));
    assert.ok(all.filter(({ changed }) => changed).length >= 2);
  });

  test('volumes are registered once, and moved by registering them otherwise', async () => {
    const url = await servers.postgres.createDatabase();
    await using provisioned = await provisionIndex(options(url), quiet);
    const volume = { volumeId: 'v1', tier: 'hot', path: '/srv/a', host: 'h1' };
    assert.deepEqual(await provisioned.registerVolume(volume), { changed: true });
    assert.deepEqual(await provisioned.registerVolume(volume), { changed: false });
    assert.deepEqual(await provisioned.registerVolume({ ...volume, host: 'h2' }), { changed: true });
    await using index = openIndex(options(url), quiet);
    assert.deepEqual(await index.registeredVolumes(), [{ ...volume, host: 'h2' }]);
  });

  test('a role on an unprovisioned database is told to provision', async () => {
    const url = await servers.postgres.createDatabase();
    await using index = openIndex(options(url), quiet);
    await assert.rejects(index.verifyIndex(), coded('INDEX_NOT_PROVISIONED'));
    await assert.rejects(index.stateOf('00000000-0000-0000-0000-000000000000'), coded('INDEX_NOT_PROVISIONED'));
    await using provisioned = await provisionIndex(options(url), quiet);
    await using db = openDatabase(options(url), quiet);
    await db.query('DELETE FROM millrace.index_identity');
    await assert.rejects(index.verifyIndex(), coded('INDEX_NOT_PROVISIONED'));
    assert.ok(provisioned.created);
  });

  test('I11: a newer schema that only adds is worked with, one that took something away is not', async () => {
    await using made = await testIndex(servers.postgres);
    const add = (name: string) => made.sql('INSERT INTO millrace.migrations (name, run_on) VALUES ($1, now())', [name]);
    await add('0900-expand-something');
    assert.match(await made.index.verifyIndex(), /^[0-9a-f-]{36}$/);
    await using again = await provisionIndex(options(made.url), quiet);
    assert.deepEqual(again.migrations, []);
    await add('0901-contract-something');
    await assert.rejects(made.index.verifyIndex(), coded('INDEX_TOO_NEW'));
    await assert.rejects(provisionIndex(options(made.url), quiet), coded('INDEX_TOO_NEW'));
  });

  test('no server, a wrong password, no such database: each has its code', async () => {
    const url = new URL(servers.postgres.url);
    url.port = String(await freePort());
    await using nowhere = openIndex(options(url.href), quiet);
    await assert.rejects(nowhere.verifyIndex(), coded('INDEX_UNAVAILABLE'));
    await assert.rejects(provisionIndex(options(url.href), quiet), coded('INDEX_UNAVAILABLE'));
    await assert.rejects(nowhere.hostPermit('host-1'), coded('INDEX_UNAVAILABLE'));
    url.port = String(servers.postgres.port);
    url.pathname = '/nothing';
    await using nothing = openIndex(options(url.href), quiet);
    await assert.rejects(nothing.verifyIndex(), coded('INDEX_ACCESS_DENIED'));
    url.password = 'wrong';
    await using stranger = openIndex(options(url.href), quiet);
    await assert.rejects(stranger.verifyIndex(), (error: unknown) => {
      assert.ok(isAppError(error, 'INDEX_ACCESS_DENIED'));
      assert.ok(!JSON.stringify(error).includes('wrong'), 'I9: no secret in an error');
      return true;
    });
  });

  test('migrations are plain SQL without a way back', async () => {
    const text = await readFile(new URL('../../../workers/index/migrations/0001-index.sql', import.meta.url), 'utf8');
    assert.doesNotMatch(text, /^\s*--[\s-]*(up|down)\s+migration/im, 'node-pg-migrate would cut the file there');
  });
});
