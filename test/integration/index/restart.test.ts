// PostgreSQL goes away and comes back: what was under way changed nothing, what comes after works, with the same handle.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openIndex } from '../../../workers/index/open-index.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { makeClaim, makeVersion, plain, rendered } from '../../contract/index.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { quiet, testIndex, waitingForLocks } from './harness.ts';

const CAT = { store: 'main', bucket: 'photos', key: 'cat.jpg' };

describe('when PostgreSQL is away', () => {
  let servers: TestServers<{ postgres: true }>;
  before(async () => {
    servers = await startTestServers({ postgres: true });
  });
  after(async () => {
    await servers.stop();
    assertNoChildren();
  });

  for (const end of ['stop', 'kill9'] as const) {
    test(`I1: ${end} in the middle of a commit: INDEX_UNAVAILABLE, nothing changed, and the same commit works afterwards`, async () => {
      const { postgres } = servers;
      const made = await testIndex(postgres);
      await using index = openIndex({ url: made.url, poolSize: 4, applicationName: 'test' }, quiet);
      const mine = makeClaim(CAT, makeVersion(), { leaseMs: 3_600_000 });
      await index.claim(mine);
      await made.sql('BEGIN');
      await made.sql('SELECT id FROM millrace.sets FOR UPDATE'); // the commit now stands between its lock and its writes
      const committing = Promise.allSettled([index.commit(rendered(CAT, 0, mine.version, mine.setId))]);
      await waitingForLocks(made, 1);
      await postgres[end]();
      const [answer] = await committing;
      assert.ok(answer.status === 'rejected' && isAppError(answer.reason, 'INDEX_UNAVAILABLE'));
      assert.equal(answer.reason.disposition, 'retry');
      await assert.rejects(index.row(CAT), (error: unknown) => isAppError(error, 'INDEX_UNAVAILABLE'));
      await postgres.restart();
      assert.equal(await index.row(CAT), null);
      assert.equal(await index.stateOf(mine.setId), 'writing');
      assert.equal((await index.commit(rendered(CAT, 0, mine.version, mine.setId))).kind, 'committed');
      await made.close();
    });
  }

  test('idle connections that died are replaced without a word to the caller', async () => {
    const { postgres } = servers;
    await using made = await testIndex(postgres);
    const warned: string[] = [];
    const log = { warn: (_keys: object, message: string) => warned.push(message) };
    await using index = openIndex({ url: made.url, poolSize: 4, applicationName: 'to be cut' }, log);
    await Promise.all(Array.from({ length: 4 }, () => index.row(CAT)));
    await made.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be cut'`);
    await eventually(() => warned.length === 4);
    assert.deepEqual(await Promise.all(Array.from({ length: 4 }, () => index.row(CAT))), [null, null, null, null]);
  });

  test('a statement that waits too long is cancelled: INDEX_TIMEOUT, and nothing changed', async () => {
    const { postgres } = servers;
    await using made = await testIndex(postgres);
    await using index = openIndex(
      { url: made.url, poolSize: 2, applicationName: 'test', statementTimeoutMs: 100 },
      quiet,
    );
    await made.sql('BEGIN');
    await made.sql('LOCK TABLE millrace.objects');
    await assert.rejects(index.commit(plain(CAT, 0, makeVersion())), (error: unknown) =>
      isAppError(error, 'INDEX_TIMEOUT'),
    );
    await made.sql('COMMIT');
    assert.equal(await index.row(CAT), null);
  });

  test('a frozen server is given up after the time of a statement, and used again when it thaws', async () => {
    const { postgres } = servers;
    await using made = await testIndex(postgres);
    await using index = openIndex(
      { url: made.url, poolSize: 1, applicationName: 'test', statementTimeoutMs: 100 },
      quiet,
    );
    assert.equal(await index.row(CAT), null);
    const [{ pid } = { pid: 0 }] = await made.sql<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'test' AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    process.kill(pid, 'SIGSTOP');
    try {
      await assert.rejects(index.row(CAT), (error: unknown) => isAppError(error, 'INDEX_UNAVAILABLE'));
      assert.equal(await index.row(CAT), null, 'on a new connection');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  test('closing twice is closing once, and what comes later is refused', async () => {
    await using made = await testIndex(servers.postgres);
    const index = openIndex({ url: made.url, poolSize: 2, applicationName: 'test' }, quiet);
    await index.row(CAT);
    await Promise.all([index.close(), index.close()]);
    await index[Symbol.asyncDispose]();
    await assert.rejects(index.row(CAT), (error: unknown) => isAppError(error, 'INDEX_UNAVAILABLE'));
  });
});
