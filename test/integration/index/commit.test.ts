// The commit under contention: no deadlock, revisions in the order of commits, rows and sets that agree.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AppError } from '../../../workers/platform/errors.ts';
import type { Change, CommitRequest } from '../../../workers/pipeline/ports.ts';
import {
  ending,
  makeClaim,
  makeRenditions,
  makeVersion,
  METADATA,
  plain,
  removed,
  rendered,
  touched,
} from '../../contract/index.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { type TestIndex, testIndex, waitingForLocks } from './harness.ts';

const CAT = { store: 'main', bucket: 'photos', key: 'cat.jpg' };
const LOCK_OF_CAT = `pg_advisory_xact_lock(hashtextextended('main/photos/cat.jpg', 0))`;

describe('commit under contention', () => {
  let servers: TestServers<{ postgres: true }>;
  before(async () => {
    servers = await startTestServers({ postgres: true });
  });
  after(async () => {
    await servers.stop();
    assertNoChildren();
  });

  test('I2: a revision is drawn after the object is locked, so it grows also where “no row” was observed', async () => {
    await using made = await testIndex(servers.postgres);
    const { index, sql } = made;
    // What another commit would do, held open in the middle.
    await sql('BEGIN');
    await sql(`SELECT ${LOCK_OF_CAT}`);
    const insert = `INSERT INTO millrace.objects (store, bucket, key, revision, state, etag, modified_at_s, content_type,
      user_metadata_hash, size_bytes, tier, generation, damaged, committed_at)
      VALUES ('main', 'photos', 'cat.jpg', nextval('millrace.revisions'), 'removed', 'e', 1, 't', 'u', 1, 'hot', 1, false, now())`;
    await sql(insert);
    const committing = index.commit(plain(CAT, 0, makeVersion()));
    await waitingForLocks(made, 1);
    const [gone] = await sql<{ revision: string }>(
      `UPDATE millrace.objects SET revision = nextval('millrace.revisions') RETURNING revision`,
    );
    await sql('DELETE FROM millrace.objects');
    await sql('COMMIT');
    const answer = await committing;
    assert.ok(answer.kind === 'committed' && answer.row.revision > Number(gone?.revision));
  });

  test('a fenced commit leaves every table as it was', async () => {
    await using made = await testIndex(servers.postgres);
    const { index } = made;
    const [live, late] = [makeClaim(CAT, makeVersion()), makeClaim(CAT, makeVersion({ etag: 'late' }))];
    await index.claim(live);
    const first = await index.commit(rendered(CAT, 0, live.version, live.setId));
    assert.ok(first.kind === 'committed');
    await index.claim(late);
    const before = await everything(made);
    const change: Change[] = [
      { kind: 'rendered', version: late.version, renditions: makeRenditions(), metadata: METADATA, damaged: false },
      { kind: 'plain', version: late.version },
      { kind: 'touched', version: late.version },
      { kind: 'removed' },
    ];
    for (const [setId, observedRevision] of [
      [late.setId, first.row.revision + 1],
      [late.setId, first.row.revision - 1],
      [live.setId, first.row.revision],
      [late.setId, 0],
    ] as const) {
      for (const what of change) {
        if (observedRevision === 0 && (what.kind === 'touched' || what.kind === 'removed')) continue;
        const request: CommitRequest = {
          ...rendered(CAT, observedRevision, late.version, setId),
          change: what,
          claim: { setId, ending: ending('rendered') },
        };
        assert.equal((await index.commit(request)).kind, 'fenced');
      }
    }
    assert.deepEqual(await everything(made), before);
  });

  test('a claim that expires while its commit waits is condemned by one of the two, never by neither', async () => {
    await using made = await testIndex(servers.postgres);
    const { index, sql, advance } = made;
    const [mine, next] = [makeClaim(CAT, makeVersion()), makeClaim(CAT, makeVersion())];
    await index.claim(mine);
    await advance(120_000);
    await sql('BEGIN');
    await sql(`SELECT ${LOCK_OF_CAT}`);
    const committing = index.commit(rendered(CAT, 0, mine.version, mine.setId));
    await waitingForLocks(made, 1);
    assert.equal((await index.claim(next)).kind, 'claimed', 'the commit has not got hold of its claim yet');
    await sql('COMMIT');
    assert.deepEqual(await committing, { kind: 'fenced', by: 'set' });
    assert.deepEqual([await index.stateOf(mine.setId), await index.stateOf(next.setId)], ['condemned', 'writing']);
  });

  test('a claim renewed while its commit waits is committed', async () => {
    await using made = await testIndex(servers.postgres);
    const { index, sql } = made;
    const mine = makeClaim(CAT, makeVersion());
    await index.claim(mine);
    await sql('BEGIN');
    await sql(`SELECT ${LOCK_OF_CAT}`);
    const committing = index.commit(rendered(CAT, 0, mine.version, mine.setId));
    await waitingForLocks(made, 1);
    assert.equal(await index.renew(mine.setId, 60_000), true); // what the commit's snapshot has of the claim is old now
    await sql('COMMIT');
    const answer = await committing;
    assert.ok(answer.kind === 'committed');
    assert.deepEqual(await index.row(CAT), answer.row);
    assert.equal(await index.stateOf(mine.setId), 'live');
  });

  test('a claim renewed while another waits to condemn it stays', async () => {
    await using made = await testIndex(servers.postgres);
    const { index, sql, advance } = made;
    const [mine, next] = [makeClaim(CAT, makeVersion()), makeClaim(CAT, makeVersion())];
    await index.claim(mine);
    await advance(120_000);
    await sql('BEGIN');
    await sql(`UPDATE millrace.sets SET lease_until = now() + interval '1 hour' WHERE id = $1`, [mine.setId]);
    const claiming = index.claim(next);
    await waitingForLocks(made, 1);
    await sql('COMMIT');
    assert.deepEqual(await claiming, { kind: 'elsewhere' });
    assert.equal(await index.stateOf(mine.setId), 'writing');
  });

  test('the keeper passes over a claim that is being committed', async () => {
    await using made = await testIndex(servers.postgres);
    const { index, sql, advance } = made;
    const mine = makeClaim(CAT, makeVersion());
    await index.claim(mine);
    await advance(120_000);
    await sql('BEGIN');
    await sql('SELECT id FROM millrace.sets FOR UPDATE');
    assert.equal(await index.condemnExpired(mine.volume), 0);
    await sql('COMMIT');
    assert.equal(await index.condemnExpired(mine.volume), 1);
  });

  test('a change that lacks its row or its claim is refused before it is sent', async () => {
    await using made = await testIndex(servers.postgres);
    const { index } = made;
    const invalid = (error: unknown) => error instanceof AppError && error.code === 'COMMIT_INVALID';
    await assert.rejects(index.commit(touched(CAT, 0, makeVersion())), invalid);
    await assert.rejects(index.commit(removed(CAT, 0)), invalid);
    await assert.rejects(index.commit({ ...rendered(CAT, 0, makeVersion(), ''), claim: null }), invalid);
  });
});

async function everything({ sql }: TestIndex): Promise<unknown> {
  return {
    objects: await sql('SELECT * FROM millrace.objects ORDER BY store, bucket, key'),
    sets: await sql('SELECT * FROM millrace.sets ORDER BY id'),
    attempts: await sql('SELECT * FROM millrace.attempts ORDER BY set_id'),
  };
}
