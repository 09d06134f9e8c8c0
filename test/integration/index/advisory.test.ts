// The permit: one holder at a time in all processes, in the order of asking, freed by whatever ends its holder.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { type TestIndex, testIndex } from './harness.ts';

describe('host permit', () => {
  let servers: TestServers<{ postgres: true }>;
  before(async () => {
    servers = await startTestServers({ postgres: true });
  });
  after(async () => {
    await servers.stop();
    assertNoChildren();
  });

  test('one at a time, in the order of asking; other names do not wait', async () => {
    await using made = await testIndex(servers.postgres);
    const { index } = made;
    const first = await index.hostPermit('host-1');
    const order: number[] = [];
    const rest: Promise<void>[] = [];
    for (const n of [2, 3, 4]) {
      rest.push(
        (async () => {
          await using permit = await index.hostPermit('host-1');
          order.push(n);
          assert.equal((await sessions(made, 'advisory')).length, 4 - n, 'the others still wait');
          assert.equal(permit.lost.aborted, false);
        })(),
      );
      await eventually(async () => (await sessions(made, 'advisory')).length === rest.length);
    }
    await (await index.hostPermit('host-2')).release();
    assert.deepEqual(order, []);
    await first.release();
    await first.release();
    await Promise.all(rest);
    assert.deepEqual(order, [2, 3, 4]);
  });

  test('a wait that is aborted leaves nobody in the line', async () => {
    await using made = await testIndex(servers.postgres);
    const { index } = made;
    await using held = await index.hostPermit('host-1');
    const abort = new AbortController();
    const waiting = index.hostPermit('host-1', abort.signal);
    await eventually(async () => (await sessions(made, 'advisory')).length === 1);
    const reason = new Error('not needed any more');
    abort.abort(reason);
    await assert.rejects(waiting, reason);
    await eventually(async () => (await sessions(made)).length === 1);
    await held.release();
    await assert.rejects(index.hostPermit('host-1', AbortSignal.abort(reason)), reason);
  });

  test('a holder whose connection died is told, and the next one gets the permit', async () => {
    await using made = await testIndex(servers.postgres);
    const { index } = made;
    const held = await index.hostPermit('host-1');
    await made.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test permit' AND datname = current_database()`,
    );
    await eventually(() => held.lost.aborted);
    assert.ok(isAppError(held.lost.reason, 'PERMIT_LOST'));
    await (await index.hostPermit('host-1')).release();
    await held.release();
  });

  test('a permit given back is not lost', async () => {
    await using made = await testIndex(servers.postgres);
    const held = await made.index.hostPermit('host-1');
    await held.release();
    await eventually(async () => (await sessions(made)).length === 0);
    assert.equal(held.lost.aborted, false);
  });

  test('kill -9 of the holder frees the permit', async () => {
    await using made = await testIndex(servers.postgres);
    const program = fileURLToPath(new URL('./hold-permit.ts', import.meta.url));
    const holder = spawn(process.execPath, [program], {
      env: { ...process.env, INDEX_URL: made.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(holder, 'exit');
    await once(holder.stdout, 'data');
    const next = made.index.hostPermit('host-1');
    await eventually(async () => (await sessions(made, 'advisory')).length === 1);
    holder.kill('SIGKILL');
    await ended;
    await (await next).release();
  });

  test('a server that goes away while one waits: INDEX_UNAVAILABLE', async () => {
    const made = await testIndex(servers.postgres);
    const held = await made.index.hostPermit('host-1');
    const waiting = Promise.allSettled([made.index.hostPermit('host-1')]);
    await eventually(async () => (await sessions(made, 'advisory')).length === 1);
    await servers.postgres.stop();
    const [answer] = await waiting;
    assert.ok(answer.status === 'rejected' && isAppError(answer.reason, 'INDEX_UNAVAILABLE'));
    await eventually(() => held.lost.aborted);
    await held.release();
    await servers.postgres.restart();
    await made.close();
  });
});

/** Sessions of permits, all or those that wait so. */
function sessions({ sql }: TestIndex, waitEvent?: string): Promise<object[]> {
  return sql(
    `SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%permit' AND datname = current_database()
     AND ($1::text IS NULL OR wait_event = $1)`,
    [waitEvent ?? null],
  );
}
