// The heart: claims, and the one transaction that changes an object's row. Everything here is all or nothing, and fenced.
//
// Each function is ONE statement: one round trip, one transaction that no death of ours can leave open, one fsync. Isolation is
// READ COMMITTED. What such a statement reads is a snapshot taken before it waited for any lock, so nothing is decided by reading: an
// UPDATE or FOR UPDATE that had to wait tests its WHERE again on the row as it then is, and ON CONFLICT sees rows newer than the
// snapshot. A decision is therefore always "did this write (or lock) find its row?", and later parts of the statement join the earlier
// ones (`FROM passed`, `FROM written`), which also fixes their order: an UPDATE in a WITH that joins nothing may run at any time.
//
// Locks, in the order in which anyone takes them:
//   1. the object's advisory lock (commit only) · 2. the claim's row of `sets` · 3. the object's row · 4. the old set's row · 5. the attempt.
// - Two commits of one object meet at 1; commits of different objects share no row. Only there is nextval called for the row, so
//   revisions of one object grow in the order of its commits. (Fenced by revision alone, "no row" could draw 7, wait, see the row come
//   as 8 and go, and then insert 7.)
// - claim locks at most one old set of its version, then waits, if at all, for the entry in `sets_one_claim` of another claim, which by
//   then waits for nothing. renew and forgetRemoved lock one row, abandon 2 then 5, the keeper's statements one row or SKIP LOCKED.
// So nobody waits for one who comes later in this order: there is no deadlock, and a test hunts for one.
//
// Leases begin and end by PostgreSQL's clock_timestamp(): now() stands still while a statement waits.
import type { ObjectRef } from '../model/object-ref.ts';
import { versionToken } from '../model/object-version.ts';
import { AppError } from '../platform/errors.ts';
import type { Database } from './database.ts';
import type { AttemptEnding, ClaimAnswer, ClaimRequest, CommitAnswer, CommitRequest } from '../model/commit.ts';
import { decodeRow, ROW_COLUMNS, type RowColumns } from './row-codec.ts';
import { assertStorable, storableJson, storableText } from './storable.ts';

// ── claim, renew, abandon ────────────────────────────────────────────────────────────────────────────────────────────

const CLAIM = {
  name: 'claim',
  text: `
  WITH expired AS (
    UPDATE millrace.sets SET state = 'condemned', condemned_at = clock_timestamp(), lease_until = NULL
    WHERE store = $1 AND bucket = $2 AND key = $3 AND version = $4 AND state = 'writing' AND lease_until <= clock_timestamp()
    RETURNING id
  ), claimed AS (
    INSERT INTO millrace.sets (store, bucket, key, version, id, fingerprint, volume, tier, host, state, lease_until)
    SELECT $1, $2, $3, $4, $5::uuid, $6, $7, $8, $9, 'writing', clock_timestamp() + $10::float8 * interval '1 ms'
    FROM (SELECT count(*) FROM expired) AS after_expired
    ON CONFLICT (store, bucket, key, version) WHERE state = 'writing' DO NOTHING
    RETURNING id
  ), begun AS (
    INSERT INTO millrace.attempts (set_id, store, bucket, key, version, host) SELECT id, $1, $2, $3, $4, $9 FROM claimed
  )
  SELECT h.deaths, h.unfinished FROM claimed, (
    SELECT count(*) FILTER (WHERE outcome IN ('died', 'timed-out')) AS deaths, count(*) FILTER (WHERE ended_at IS NULL) AS unfinished
    FROM millrace.attempts WHERE store = $1 AND bucket = $2 AND key = $3 AND version = $4
  ) AS h`, // our own attempt, begun by this statement, is not in its snapshot
};

/** See the port `Index`. Also rejects with `KEY_NOT_STORABLE`. */
export async function claim(db: Database, request: ClaimRequest): Promise<ClaimAnswer> {
  const { ref, version, setId, fingerprint, volume, tier, host, leaseMs } = request;
  assertStorable(ref);
  const values = [
    ref.store,
    ref.bucket,
    ref.key,
    versionToken(version),
    setId,
    fingerprint,
    volume,
    tier,
    host,
    leaseMs,
  ];
  const [history] = await db.query<{ deaths: number; unfinished: number }>(CLAIM, values);
  return history === undefined ? { kind: 'elsewhere' } : { kind: 'claimed', history };
}

const RENEW = {
  name: 'renew',
  text: `UPDATE millrace.sets SET lease_until = clock_timestamp() + $2::float8 * interval '1 ms'
    WHERE id = $1 AND state = 'writing' AND lease_until > clock_timestamp() RETURNING id`,
};

export async function renew(db: Database, setId: string, leaseMs: number): Promise<boolean> {
  return (await db.query(RENEW, [setId, leaseMs])).length === 1;
}

const END_ATTEMPT = `SET ended_at = clock_timestamp(), outcome = $2, code = $3, message = $4, phases = $5::jsonb`;

const ABANDON = {
  name: 'abandon',
  text: `
  WITH condemned AS (
    UPDATE millrace.sets SET state = 'condemned', condemned_at = clock_timestamp(), lease_until = NULL
    WHERE id = $1::uuid AND state = 'writing' RETURNING id
  )
  UPDATE millrace.attempts ${END_ATTEMPT} FROM (SELECT count(*) FROM condemned) AS after_condemned
  WHERE set_id = $1::uuid AND ended_at IS NULL`,
};

export async function abandon(db: Database, setId: string, ending: AttemptEnding): Promise<void> {
  await db.query(ABANDON, [setId, ...endingValues(ending)]);
}

// ── commit ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const COMMIT = {
  name: 'commit',
  text: `
  WITH object_lock AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtextextended($6::text || '/' || $7::text || '/' || $8::text, 0))
  ), claim AS MATERIALIZED ( -- the set fence: ours, of this object, and still being written
    SELECT s.id FROM object_lock, millrace.sets AS s
    WHERE s.id = $1::uuid AND s.state = 'writing' AND s.lease_until > clock_timestamp() AND s.store = $6 AND s.bucket = $7 AND s.key = $8 FOR UPDATE OF s
  ), passed AS MATERIALIZED (
    SELECT FROM object_lock WHERE $1::uuid IS NULL OR EXISTS (SELECT FROM claim)
  ), seen AS MATERIALIZED ( -- a row never changes without its revision: if the fence below holds, this is the set it has now
    SELECT set_id FROM millrace.objects WHERE store = $6 AND bucket = $7 AND key = $8 AND revision = $9
  ), updated AS ( -- the row fence: the revision is the observed one
    UPDATE millrace.objects AS o SET
      revision = nextval('millrace.revisions'),
      state = coalesce($10, o.state),
      etag = coalesce($11, o.etag),
      version_id = CASE WHEN $11::text IS NULL THEN o.version_id ELSE $12 END,
      modified_at_s = coalesce($13, o.modified_at_s),
      content_type = coalesce($14, o.content_type),
      user_metadata_hash = coalesce($15, o.user_metadata_hash),
      size_bytes = coalesce($16, o.size_bytes),
      tier = $17,
      generation = $18,
      set_id = CASE WHEN $19::boolean THEN $1::uuid WHEN $20::boolean THEN o.set_id END,
      damaged = CASE WHEN $20::boolean THEN o.damaged ELSE $21::boolean END,
      metadata = CASE WHEN $20::boolean THEN o.metadata ELSE $22::jsonb END,
      refusal_code = CASE WHEN $10::text IS NULL THEN o.refusal_code ELSE $24 END,
      refusal_message = CASE WHEN $10::text IS NULL THEN o.refusal_message ELSE $25 END,
      refusal_basis = CASE WHEN $10::text IS NULL THEN o.refusal_basis ELSE $26 END,
      refusal_retry_at = CASE WHEN $10::text IS NULL THEN o.refusal_retry_at ELSE to_timestamp($27::float8 / 1000) END,
      committed_at = clock_timestamp()
    FROM passed WHERE o.store = $6 AND o.bucket = $7 AND o.key = $8 AND o.revision = $9
    RETURNING o.*
  ), inserted AS ( -- the row fence where no row was observed
    INSERT INTO millrace.objects (store, bucket, key, revision, state, etag, version_id, modified_at_s, content_type, user_metadata_hash,
      size_bytes, tier, generation, set_id, damaged, metadata, refusal_code, refusal_message, refusal_basis, refusal_retry_at, committed_at)
    SELECT $6, $7, $8, nextval('millrace.revisions'), $10, $11, $12, $13, $14, $15,
      $16, $17, $18, CASE WHEN $19::boolean THEN $1::uuid END, $21, $22::jsonb, $24, $25, $26, to_timestamp($27::float8 / 1000), clock_timestamp()
    FROM passed WHERE $9::bigint = 0
    ON CONFLICT (store, bucket, key) DO NOTHING
    RETURNING *
  ), written AS (
    SELECT * FROM updated UNION ALL SELECT * FROM inserted
  ), claim_used AS (
    UPDATE millrace.sets SET lease_until = NULL, renditions = $23::jsonb,
      state = CASE WHEN $19::boolean THEN 'live' ELSE 'condemned' END,
      condemned_at = CASE WHEN NOT $19::boolean THEN clock_timestamp() END
    FROM written WHERE id = $1::uuid
  ), old_set_condemned AS (
    UPDATE millrace.sets SET state = 'condemned', condemned_at = clock_timestamp()
    FROM written, seen WHERE id = seen.set_id AND NOT $20::boolean
  ), ended AS (
    UPDATE millrace.attempts ${END_ATTEMPT} FROM written WHERE attempts.set_id = $1::uuid AND ended_at IS NULL
  )
  SELECT $1::uuid IS NULL OR EXISTS (SELECT FROM claim) AS claim_stands, ${ROW_COLUMNS}
  FROM (VALUES (1)) AS one LEFT JOIN written AS o ON true
    LEFT JOIN (SELECT id, volume, tier, fingerprint, coalesce(renditions, $23::jsonb) AS renditions FROM millrace.sets) AS s ON s.id = o.set_id`,
};

/**
 * See the port `Index`. `keepSet` decides for `refused` only: `touched` always keeps the set, everything else never does.
 * Also rejects with `COMMIT_INVALID` where a change needs a row or a claim that the request has not.
 */
export async function commit(db: Database, request: CommitRequest): Promise<CommitAnswer> {
  const { ref, change, claim, observedRevision } = request;
  assertStorable(ref);
  assertPossible(request);
  const rendered = change.kind === 'rendered' ? change : null;
  const refusal = change.kind === 'refused' ? change.refusal : null;
  const version = change.kind === 'removed' ? null : change.version;
  const keepsSet =
    change.kind === 'touched' || (change.kind === 'refused' && request.keepSet && observedRevision !== 0);
  const values = [
    claim?.setId ?? null,
    ...(claim === null ? [null, null, null, null] : endingValues(claim.ending)),
    ref.store,
    ref.bucket,
    ref.key,
    observedRevision,
    STATE[change.kind],
    version?.etag ?? null,
    version?.versionId ?? null,
    version?.modifiedAtS ?? null,
    version?.contentType ?? null,
    version?.userMetadataHash ?? null,
    version?.sizeBytes ?? null,
    request.tier,
    request.generation,
    rendered !== null,
    keepsSet,
    rendered?.damaged ?? false,
    rendered && storableJson(rendered.metadata),
    rendered && storableJson(rendered.renditions),
    refusal?.code ?? null,
    refusal && storableText(refusal.message),
    refusal?.basis ?? null,
    refusal?.retryAtMs ?? null,
  ];
  const [answer] = await db.query<RowColumns & { claim_stands: boolean; revision: number | null }>(COMMIT, values);
  if (answer?.revision != null) return { kind: 'committed', row: decodeRow(answer) };
  return { kind: 'fenced', by: answer?.claim_stands === true ? 'row' : 'set' };
}

/** Null: the row keeps its state, and its refusal with it. */
const STATE = { rendered: 'committed', plain: 'plain', refused: 'refused', touched: null, removed: 'removed' } as const;

function assertPossible({ change, claim, observedRevision }: CommitRequest): void {
  const needsRow = change.kind === 'touched' || change.kind === 'removed';
  if ((observedRevision !== 0 || !needsRow) && (claim !== null || change.kind !== 'rendered')) return;
  throw new AppError('COMMIT_INVALID', `${change.kind} needs ${needsRow ? 'an observed row' : 'a claim'}`, {
    disposition: 'fatal',
  });
}

function endingValues({ outcome, code, message, phasesMs }: AttemptEnding) {
  return [outcome, code, message === null ? null : storableText(message), JSON.stringify(phasesMs)];
}

// ── forgetting ───────────────────────────────────────────────────────────────────────────────────────────────────────

const FORGET_REMOVED = {
  name: 'forget-removed',
  text: `DELETE FROM millrace.objects WHERE store = $1 AND bucket = $2 AND key = $3 AND revision = $4 AND state = 'removed'`,
};

export async function forgetRemoved(db: Database, ref: ObjectRef, revision: number): Promise<void> {
  await db.query(FORGET_REMOVED, [ref.store, ref.bucket, ref.key, revision]);
}
