// Listing: by UTF-8 bytes, literal prefixes found by the index, pages that cost no memory; and the sweeps a bucket owes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { escapeLiteral } from 'pg';
import { dueRetries } from '../../../workers/index/due-retries.ts';
import { afterPrefix, listRows } from '../../../workers/index/listing.ts';
import { type Database, openDatabase, type Statement, type Value } from '../../../workers/index/database.ts';
import { compareKeys } from '../../../workers/model/object-ref.ts';
import { makeVersion, plain, refused, removed } from '../../contract/index.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { quiet, type TestIndex, testIndex } from './harness.ts';

describe('listing the index', () => {
  let servers: TestServers<{ postgres: true }>;
  let made: TestIndex;
  before(async () => {
    servers = await startTestServers({ postgres: true });
    made = await testIndex(servers.postgres);
    for (const key of KEYS) await made.index.commit(plain({ store: 'main', bucket: 'photos', key }, 0, makeVersion()));
  });
  after(async () => {
    await made.close();
    await servers.stop();
    assertNoChildren();
  });

  const KEYS = [
    'a',
    'a%',
    'a%b',
    'a_b',
    'aXb',
    'a\\b',
    'A',
    'a/1',
    'a/10',
    'a/2',
    'é',
    'z',
    '\u{ff01}',
    '\u{1f600}',
    '\u{1f600}/x',
    '\u{d7ff}z',
    '\u{e000}',
    '\u{10ffff}',
    '\u{10ffff}x',
    'k'.repeat(1_000),
    `${'k'.repeat(999)}j`,
  ];
  const keysOf = async (prefix: string, pageSize?: number) => {
    await using db = openDatabase({ url: made.url, poolSize: 1, applicationName: 'test' }, quiet);
    const filter = { store: 'main', bucket: 'photos', prefix };
    return (await Array.fromAsync(listRows(db, filter, pageSize))).map(({ ref }) => ref.key);
  };

  test('keys come in the order of their UTF-8 bytes, emoji after the full-width forms, whatever the page', async () => {
    const sorted = KEYS.toSorted(compareKeys);
    assert.notDeepEqual(sorted, KEYS.toSorted());
    assert.deepEqual(await keysOf(''), sorted);
    for (const pageSize of [1, 2, 7, KEYS.length, KEYS.length + 1])
      assert.deepEqual(await keysOf('', pageSize), sorted);
  });

  test('rows begin behind a key, be it there or not, whatever the page', async () => {
    const sorted = KEYS.toSorted(compareKeys);
    const sweep = await made.index.beginSweep();
    for (const after of ['', 'a', 'a%a', 'k'.repeat(999), '\u{1f600}', '\u{10ffff}x']) {
      const keys = sorted.filter((key) => compareKeys(key, after) > 0);
      const rows = await Array.fromAsync(sweep.rows('main', 'photos', '', after));
      assert.deepEqual(
        rows.map(({ ref }) => ref.key),
        keys,
      );
      await using db = openDatabase({ url: made.url, poolSize: 1, applicationName: 'test' }, quiet);
      const paged = await Array.fromAsync(listRows(db, { store: 'main', bucket: 'photos', prefix: 'a', after }, 2));
      assert.deepEqual(
        paged.map(({ ref }) => ref.key),
        keys.filter((key) => key.startsWith('a')),
      );
    }
  });

  test('a prefix is literal, of any characters', async () => {
    const prefixes = [
      'a',
      'a%',
      'a_',
      'a\\',
      'A',
      'a/1',
      '\u{d7ff}',
      '\u{1f600}',
      '\u{10ffff}',
      'k'.repeat(999),
      'nothing',
      '%',
      '_',
    ];
    const sorted = KEYS.toSorted(compareKeys);
    for (const prefix of prefixes) {
      assert.deepEqual(
        await keysOf(prefix, 2),
        sorted.filter((key) => key.startsWith(prefix)),
        prefix.slice(0, 9),
      );
    }
  });

  test('the end of a prefix is the first text after all that have it', () => {
    assert.equal(afterPrefix('ab'), 'ac');
    assert.equal(afterPrefix('\u{d7ff}'), '\u{e000}');
    assert.equal(afterPrefix('a\u{10ffff}'), 'b');
    assert.equal(afterPrefix('\u{10ffff}\u{10ffff}'), null);
  });

  test('rows are found by the primary key, from the prefix on and no further', async () => {
    await using many = await testIndex(servers.postgres);
    await many.sql(`INSERT INTO millrace.objects (store, bucket, key, revision, state, etag, modified_at_s, content_type,
      user_metadata_hash, size_bytes, tier, generation, damaged, committed_at)
      SELECT 'main', 'photos', 'dir' || (n % 100) || '/' || n, nextval('millrace.revisions'), 'plain', 'e', 1, 't', 'u', 1, 'hot', 1, false, now()
      FROM generate_series(1, 20000) AS n`);
    await many.sql('ANALYZE millrace.objects');
    const plans: string[] = [];
    await many.sql('SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off'); // as the index's own connections have it
    const explaining = {
      query: async <R>(text: Statement | string, values: readonly Value[] = []) => {
        assert.ok(typeof text === 'string');
        await many.sql(`PREPARE listing AS ${text}`);
        const literals = values.map((value) => escapeLiteral(String(value))).join(', ');
        const plan = await many.sql<{ 'QUERY PLAN': string }>(
          `EXPLAIN (ANALYZE, COSTS OFF) EXECUTE listing (${literals})`,
        );
        await many.sql('DEALLOCATE listing');
        plans.push(plan.map((row) => row['QUERY PLAN']).join('\n'));
        return (await many.sql(text, [...values])) as R[];
      },
    };
    const rows = await Array.fromAsync(
      listRows(explaining as Database, { store: 'main', bucket: 'photos', prefix: 'dir42/' }, 150),
    );
    assert.equal(rows.length, 200);
    assert.equal(plans.length, 2);
    for (const [page, plan] of plans.entries()) {
      assert.match(plan, /Index Cond: \(\(store = \$1\) AND \(bucket = \$2\) .*\(key >= \$\d\) AND \(key < \$\d\)\)/);
      assert.match(
        plan,
        new RegExp(`Index Scan using objects_pkey on objects o .*rows=${page === 0 ? 150 : 50}\\b`),
        'no more than a page is read',
      );
      assert.doesNotMatch(plan, /Seq Scan|Rows Removed by Filter/);
    }
  });

  test('all buckets of a store, in order; other stores apart; by state', async () => {
    const { index } = made;
    const at = (store: string, bucket: string, key: string) => ({ store, bucket, key });
    await index.commit(plain(at('second', 'b2', 'a'), 0, makeVersion()));
    await index.commit(plain(at('second', 'b1', 'z'), 0, makeVersion()));
    const gone = await index.commit(plain(at('second', 'b1', 'y'), 0, makeVersion()));
    assert.ok(gone.kind === 'committed');
    await index.commit(removed(gone.row.ref, gone.row.revision));
    await index.commit(refused(at('second', 'b3', 'r'), 0, makeVersion()));
    const list = async (filter: Parameters<typeof index.list>[0]) =>
      (await Array.fromAsync(index.list(filter))).map(({ ref }) => `${ref.bucket}/${ref.key}`);
    assert.deepEqual(await list({ store: 'second' }), ['b1/y', 'b1/z', 'b2/a', 'b3/r']);
    assert.deepEqual(await list({ store: 'second', state: 'plain' }), ['b1/z', 'b2/a']);
    assert.deepEqual(await list({ store: 'second', state: 'removed', bucket: 'b1' }), ['b1/y']);
    assert.deepEqual(await list({ store: 'second', prefix: 'z' }), ['b1/z']);
    const sweep = await index.beginSweep();
    assert.equal(await sweep.count('second', 'b1', ''), 1, 'removed rows are not counted');
    assert.equal(await sweep.count('main', 'photos', 'a/'), 3);
    assert.deepEqual(
      (await Array.fromAsync(sweep.rows('second', 'b1', ''))).map(({ state }) => state),
      ['removed', 'plain'],
    );
  });

  test('a reader that stops in the middle leaves no connection behind', async () => {
    await using one = await testIndex(servers.postgres, 1);
    for (const key of ['a', 'b', 'c'])
      await one.index.commit(plain({ store: 'main', bucket: 'photos', key }, 0, makeVersion()));
    for await (const row of one.index.list({ store: 'main' })) {
      assert.equal(row.ref.key, 'a');
      break;
    }
    assert.equal((await one.index.row({ store: 'main', bucket: 'photos', key: 'b' }))?.state, 'plain');
  });

  test('a sweep pays what was owed before it began, and nothing that was owed since', async () => {
    const { index } = made;
    await index.oweSweep('main', 'photos', 'WRONG_TAG');
    await index.oweSweep('main', 'photos', 'NO_SUCH_BUCKET');
    await index.oweSweep('main', 'other', 'WRONG_TAG');
    const sweep = await index.beginSweep();
    await index.oweSweep('main', 'photos', 'WRONG_TAG');
    await sweep.paySweep('main', 'photos');
    const owed = (await index.owedSweeps()).map(({ bucket, reason }) => `${bucket} ${reason}`);
    assert.deepEqual(owed.sort(), ['other WRONG_TAG', 'photos WRONG_TAG']);
    const next = await index.beginSweep();
    await next.paySweep('main', 'photos');
    assert.deepEqual(
      (await index.owedSweeps()).map(({ bucket }) => bucket),
      ['other'],
    );
  });

  test('a sweep that goes on after a break pays what was owed before it first began', async () => {
    const { index } = made;
    await index.oweSweep('main', 'broken', 'BEFORE');
    const { startedAtMs } = await index.beginSweep();
    await index.oweSweep('main', 'broken', 'MEANWHILE');
    await (await index.beginSweep(startedAtMs)).paySweep('main', 'broken');
    const owed = (await index.owedSweeps()).filter(({ bucket }) => bucket === 'broken');
    assert.deepEqual(
      owed.map(({ reason }) => reason),
      ['MEANWHILE'],
    );
  });

  test('refusals are due by the index’s clock, longest first, each once whatever the page', async () => {
    await using one = await testIndex(servers.postgres);
    await one.sql(`INSERT INTO millrace.objects (store, bucket, key, revision, state, etag, modified_at_s, content_type, user_metadata_hash,
      size_bytes, tier, generation, damaged, committed_at, refusal_code, refusal_message, refusal_basis, refusal_retry_at)
      SELECT 'main', 'photos', 'k' || n, n, 'refused', 'e', 1, 't', 'u', 1, 'hot', 1, false, now(), 'X', '', 'b',
        CASE WHEN n <= 25 THEN now() - (n / 3) * interval '1 microsecond' - interval '1 s' WHEN n <= 30 THEN now() + interval '1 h' END
      FROM generate_series(1, 40) AS n`);
    await using db = openDatabase({ url: one.url, poolSize: 1, applicationName: 'test' }, quiet);
    const expected = await one.sql<{ key: string }>(
      'SELECT key FROM millrace.objects WHERE refusal_retry_at <= now() ORDER BY refusal_retry_at, bucket, key',
    );
    for (const pageSize of [1, 2, 7, 500]) {
      const due = await Array.fromAsync(dueRetries(db, 'main', pageSize));
      assert.deepEqual(
        due.map(({ ref }) => ref.key),
        expected.map(({ key }) => key),
      );
    }
    assert.equal(expected.length, 25);
    assert.deepEqual(await Array.fromAsync(one.index.dueRetries('other')), []);
    const plan = await one.sql<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT key FROM millrace.objects WHERE store = 'main' AND refusal_retry_at <= now() AND refusal_retry_at IS NOT NULL
       ORDER BY refusal_retry_at, bucket, key LIMIT 5`,
    );
    assert.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /objects_due/);
  });

  test('the rate of renders counts the time in which any ran, not the hours between', async () => {
    await using one = await testIndex(servers.postgres);
    assert.equal(await one.index.renderRate(), null);
    const attempt = (startS: number, endS: number, outcome = 'rendered') =>
      one.sql(
        `INSERT INTO millrace.attempts (set_id, store, bucket, key, version, host, started_at, ended_at, outcome)
         VALUES (gen_random_uuid(), 'main', 'photos', 'k', 'v', 'h', now() - $1 * interval '1 s', now() - $2 * interval '1 s', $3)`,
        [startS, endS, outcome],
      );
    await attempt(1_000, 990); // ten seconds, two of them side by side with others
    await attempt(999, 992);
    await attempt(992, 988); // till 988: 12 s in all
    await attempt(100, 92); // 8 s
    await attempt(90, 10, 'died');
    const rate = await one.index.renderRate();
    assert.equal(rate?.renders, 4);
    assert.ok(Math.abs(rate.perS - 4 / 20) < 1e-3, `${rate.perS}`);
  });

  test('withheld removals are flagged until they are none', async () => {
    const { index } = made;
    const sweep = await index.beginSweep();
    await sweep.flagRemovals('main', 'photos', 1_200);
    await sweep.flagRemovals('main', 'photos', 1_300);
    assert.deepEqual(
      (await index.flaggedRemovals()).map(({ bucket, count }) => [bucket, count]),
      [['photos', 1_300]],
    );
    await sweep.flagRemovals('main', 'photos', 0);
    assert.deepEqual(await index.flaggedRemovals(), []);
  });
});
