// Everybody at once on few objects: hunts deadlocks and wrong states for three seconds, from a seed that is printed.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { chainOf } from '../../../workers/platform/errors.ts';
import type { ObjectRef } from '../../../workers/model/object-ref.ts';
import type { ObjectVersion } from '../../../workers/model/object-version.ts';
import { ending, makeClaim, makeVersion, plain, refused, removed, rendered, touched } from '../../contract/index.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { type TestIndex, testIndex } from './harness.ts';

const ACTORS = 24;
const RUN_MS = 3_000;
/** On a busy machine it runs on until each of these happened. */
const MUST_HAPPEN = [
  'claimed',
  'rendered',
  'plain',
  'refused',
  'removed',
  'touched',
  'forget',
  'fenced by row',
  'fenced by set',
];
const RUN_AT_MOST_MS = 30_000;
const OBJECTS = 4;
const VERSIONS = 3;

let servers: TestServers<{ postgres: true }>;
before(async () => {
  servers = await startTestServers({ postgres: true });
});
after(async () => {
  await servers.stop();
  assertNoChildren();
});

/** Mulberry32: small, and the same everywhere. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

test('I3, I4: claimers, committers and keepers on four objects neither deadlock nor disagree', async (t) => {
  await using made = await testIndex(servers.postgres, ACTORS);
  const { index, sql } = made;
  await recordCommits(made);
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const startedAt = performance.now();
  const claims: { ref: ObjectRef; version: ObjectVersion; setId: string }[] = [];
  const counts: Record<string, number> = {};
  const faults: string[] = [];

  function isOver(): boolean {
    const ranMs = performance.now() - startedAt;
    return ranMs > RUN_AT_MOST_MS || (ranMs > RUN_MS && MUST_HAPPEN.every((what) => (counts[what] ?? 0) > 0));
  }

  async function act(random: (below: number) => number): Promise<string> {
    const ref = { store: 'main', bucket: 'photos', key: `k${random(OBJECTS)}` };
    const version = makeVersion({ etag: `e${random(VERSIONS)}` });
    const held = random(3) > 0 ? claims[random(claims.length || 1)] : undefined;
    const choice = random(12);
    if (choice <= 3) {
      // Some leases are over at once, so that claims are condemned under those who commit them.
      const request = makeClaim(ref, version, {
        leaseMs: random(3) === 0 ? 0 : 50 + random(200),
        volume: `vol-${random(2)}`,
      });
      const { kind } = await index.claim(request);
      if (kind === 'claimed' && claims.push(request) > 16) claims.shift();
      return kind;
    }
    if (choice === 4) return `renew ${await index.renew(held?.setId ?? randomUUID(), random(100))}`;
    if (choice === 5) {
      await index.abandon(held?.setId ?? randomUUID(), ending(random(2) === 0 ? 'died' : 'abandoned'));
      return 'abandon';
    }
    if (choice === 6) {
      const volume = `vol-${random(2)}`;
      await index.condemnExpired(volume);
      for (const setId of await index.condemned(volume, 0, 3)) await index.forget(setId);
      return 'keep';
    }
    const row = await index.row(held?.ref ?? ref);
    const at = { ref: row?.ref ?? held?.ref ?? ref, revision: row?.revision ?? 0 };
    if (choice === 7 && row?.state === 'removed') {
      await index.forgetRemoved(at.ref, at.revision);
      return 'forget';
    }
    const requests = [
      ...(held === undefined ? [] : [rendered(at.ref, at.revision, held.version, held.setId)]),
      plain(at.ref, at.revision, version, held?.setId),
      refused(at.ref, at.revision, version, {
        keepSet: random(2) === 0,
        ...(held === undefined ? {} : { claim: held.setId }),
      }),
      ...(row === null ? [] : [removed(at.ref, at.revision), touched(at.ref, at.revision, version)]),
    ];
    const request = held !== undefined && random(2) === 0 ? requests[0] : requests[random(requests.length)];
    assert.ok(request);
    const answer = await index.commit(request);
    return answer.kind === 'committed' ? request.change.kind : `fenced by ${answer.by}`;
  }

  await Promise.all(
    Array.from({ length: ACTORS }, async (_, actor) => {
      const random = createRandom(seed + actor);
      while (faults.length === 0 && !isOver()) {
        try {
          const what = await act(random);
          counts[what] = (counts[what] ?? 0) + 1;
        } catch (error) {
          faults.push(chainOf(error));
        }
      }
    }),
  );

  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual(faults, []);
  assert.deepEqual(await disagreements(made), []);
  const never = MUST_HAPPEN.filter((what) => counts[what] === undefined);
  assert.deepEqual(never, []);
  const [{ deadlocks } = { deadlocks: -1 }] = await sql<{ deadlocks: number }>(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  assert.equal(deadlocks, 0);
});

/** Each change of a row in the order in which the row was locked, written by the database itself. */
async function recordCommits({ sql }: TestIndex): Promise<void> {
  await sql(`
    CREATE TABLE history (at bigserial PRIMARY KEY, key text, revision bigint, gone boolean);
    CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO history (key, revision, gone) VALUES (coalesce(NEW.key, OLD.key), coalesce(NEW.revision, OLD.revision), NEW IS NULL);
      RETURN NULL;
    END $$;
    CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON millrace.objects FOR EACH ROW EXECUTE FUNCTION record();`);
}

async function disagreements({ sql }: TestIndex): Promise<object[]> {
  return [
    ...(await sql(
      `SELECT 'row without its live set' AS what, o.key FROM millrace.objects o LEFT JOIN millrace.sets s ON s.id = o.set_id
       WHERE o.set_id IS NOT NULL AND (s.state IS DISTINCT FROM 'live' OR (s.store, s.bucket, s.key) <> (o.store, o.bucket, o.key))`,
    )),
    ...(await sql(
      `SELECT 'live set without its row' AS what, s.id FROM millrace.sets s LEFT JOIN millrace.objects o ON o.set_id = s.id
       WHERE s.state = 'live' AND o.key IS NULL`,
    )),
    ...(await sql(
      `SELECT 'used claim with an open attempt' AS what, a.set_id FROM millrace.attempts a JOIN millrace.sets s ON s.id = a.set_id
       WHERE s.state = 'live' AND a.outcome IS NULL`,
    )),
    ...(await sql(
      `SELECT 'writing set without an open attempt' AS what, s.id FROM millrace.sets s LEFT JOIN millrace.attempts a ON a.set_id = s.id
       WHERE s.state = 'writing' AND (a.set_id IS NULL OR a.ended_at IS NOT NULL)`,
    )),
    ...(await sql(
      `SELECT 'revision went back' AS what, key, revision, before FROM (
         SELECT key, revision, gone, max(revision) OVER (PARTITION BY key ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
         FROM history) AS h WHERE NOT gone AND revision <= before`,
    )),
  ];
}
