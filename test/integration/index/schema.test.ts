// What the database itself refuses, and what becomes of texts it cannot store.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { codeOf, isAppError } from '../../../workers/platform/errors.ts';
import { ending, makeClaim, makeVersion, METADATA, plain, refused, rendered } from '../../contract/index.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { type TestIndex, testIndex } from './harness.ts';

const CAT = { store: 'main', bucket: 'photos', key: 'cat.jpg' };
const CHECK = '23514';
const UNIQUE = '23505';
const FOREIGN_KEY = '23503';

describe('what the schema makes impossible', () => {
  let servers: TestServers<{ postgres: true }>;
  let made: TestIndex;
  let live: string;
  let writing: string;
  before(async () => {
    servers = await startTestServers({ postgres: true });
    made = await testIndex(servers.postgres);
    const [first, second] = [makeClaim(CAT, makeVersion()), makeClaim(CAT, makeVersion({ etag: 'next' }))];
    [live, writing] = [first.setId, second.setId];
    await made.index.claim(first);
    assert.equal((await made.index.commit(rendered(CAT, 0, first.version, live))).kind, 'committed');
    await made.index.claim(second);
    await made.index.commit(plain({ ...CAT, key: 'other' }, 0, makeVersion()));
    await made.index.commit(refused({ ...CAT, key: 'no' }, 0, makeVersion()));
  });
  after(async () => {
    await made.close();
    await servers.stop();
    assertNoChildren();
  });

  const impossible: Record<string, readonly [sql: string, code: string]> = {
    'a committed row without a set': [
      `UPDATE millrace.objects SET set_id = NULL, metadata = NULL WHERE key = 'cat.jpg'`,
      CHECK,
    ],
    'a plain row with one': [`UPDATE millrace.objects SET state = 'plain' WHERE key = 'cat.jpg'`, CHECK],
    'a removed row with one': [`UPDATE millrace.objects SET state = 'removed' WHERE key = 'cat.jpg'`, CHECK],
    'a set without metadata': [`UPDATE millrace.objects SET metadata = NULL WHERE key = 'cat.jpg'`, CHECK],
    'a row that names a set still being written': [
      `UPDATE millrace.objects SET set_id = $1 WHERE key = 'cat.jpg'`,
      FOREIGN_KEY,
    ],
    'a row that names an unknown set': [
      `UPDATE millrace.objects SET set_id = '${randomUUID()}' WHERE key = 'cat.jpg'`,
      FOREIGN_KEY,
    ],
    'condemning the set of a row': [
      `UPDATE millrace.sets SET state = 'condemned', condemned_at = now() WHERE id = $2`,
      FOREIGN_KEY,
    ],
    'deleting the set of a row': ['DELETE FROM millrace.sets WHERE id = $2', FOREIGN_KEY],
    'a live set without renditions': ['UPDATE millrace.sets SET renditions = NULL WHERE id = $2', CHECK],
    'a writing set without a lease': ['UPDATE millrace.sets SET lease_until = NULL WHERE id = $1', CHECK],
    'a condemned set without a moment': [
      `UPDATE millrace.sets SET state = 'condemned', lease_until = NULL WHERE id = $1`,
      CHECK,
    ],
    'two claims of one version': [
      `INSERT INTO millrace.sets (id, store, bucket, key, version, fingerprint, volume, tier, host, state, lease_until)
       SELECT '${randomUUID()}', store, bucket, key, version, fingerprint, 'v', 't', 'h', state, lease_until FROM millrace.sets WHERE id = $1`,
      UNIQUE,
    ],
    'one revision twice': [
      `UPDATE millrace.objects SET revision = (SELECT max(revision) FROM millrace.objects) WHERE key = 'cat.jpg'`,
      UNIQUE,
    ],
    'a revision 0': [`UPDATE millrace.objects SET revision = 0 WHERE key = 'cat.jpg'`, CHECK],
    'a refused row without a refusal': [
      `UPDATE millrace.objects SET refusal_code = NULL, refusal_message = NULL, refusal_basis = NULL WHERE key = 'no'`,
      CHECK,
    ],
    'a plain row with a refusal': [
      `UPDATE millrace.objects SET refusal_code = 'x', refusal_message = 'x', refusal_basis = 'x' WHERE key = 'other'`,
      CHECK,
    ],
    'an unknown state': [`UPDATE millrace.objects SET state = 'lost' WHERE key = 'other'`, CHECK],
    'a second index id': [`INSERT INTO millrace.index_identity (index_id) VALUES ('${randomUUID()}')`, UNIQUE],
  };
  for (const [what, [sql, code]] of Object.entries(impossible)) {
    test(what, async () => {
      const values = [writing, live].slice(0, sql.includes('$2') ? 2 : Number(sql.includes('$1')));
      const text = sql.includes('$2') ? `${sql} AND $1::text IS NOT NULL` : sql;
      await assert.rejects(made.sql(text, values), (error) => codeOf(error) === code);
    });
  }

  test('a key with NUL or half a surrogate pair is refused, not stored as another', async () => {
    for (const key of ['a\0b', 'a\ud83d']) {
      const ref = { ...CAT, key };
      const notStorable = (error: unknown) => isAppError(error, 'KEY_NOT_STORABLE') && error.disposition === 'refuse';
      await assert.rejects(made.index.row(ref), notStorable);
      await assert.rejects(made.index.claim(makeClaim(ref, makeVersion())), notStorable);
      await assert.rejects(made.index.commit(plain(ref, 0, makeVersion())), notStorable);
    }
  });

  test('NUL and half surrogate pairs in what a camera or an error says are replaced', async () => {
    const ref = { ...CAT, key: 'camera.jpg' };
    const claim = makeClaim(ref, makeVersion());
    await made.index.claim(claim);
    const request = rendered(ref, 0, claim.version, claim.setId);
    assert.ok(request.change.kind === 'rendered' && request.claim);
    const answer = await made.index.commit({
      ...request,
      change: {
        ...request.change,
        metadata: { ...METADATA, exif: { cameraMake: 'Canon\0\0', lens: '\udc00x\\u0000' } },
      },
      claim: { ...request.claim, ending: { ...ending('rendered'), message: 'a\0b' } },
    });
    assert.ok(answer.kind === 'committed');
    assert.deepEqual(answer.row.metadata?.exif, { cameraMake: 'Canon\ufffd\ufffd', lens: '\ufffdx\\u0000' });
    assert.equal((await made.index.attemptsOf(ref))[0]?.ending?.message, 'a\ufffdb');
  });

  test('attempts are kept for their time, and while their set is being written', async () => {
    const ref = { ...CAT, key: 'old.jpg' };
    for (const outcome of ['died', 'refused'] as const) {
      const claim = makeClaim(ref, makeVersion());
      await made.index.claim(claim);
      await made.index.abandon(claim.setId, ending(outcome));
    }
    await made.index.claim(makeClaim(ref, makeVersion()));
    const [open, ...ended] = await made.index.attemptsOf(ref);
    assert.equal(open?.ending, null);
    assert.deepEqual(
      ended.map(({ ending }) => ending?.outcome),
      ['refused', 'died'],
    );
    assert.deepEqual(ended[0]?.ending?.phasesMs, { looked: 1.25, rendered: 90 });
    assert.equal(await made.index.pruneAttempts(), 0);
    await made.sql(`UPDATE millrace.attempts SET started_at = started_at - interval '31 days' WHERE key = 'old.jpg'`);
    assert.equal(await made.index.pruneAttempts(), 2);
    assert.equal((await made.index.attemptsOf(ref)).length, 1);
  });
});
