// The index as the roles get it: one pool of connections behind every port of ours.
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import { hostPermit } from './advisory.ts';
import { attemptsOf, pruneAttempts } from './attempts.ts';
import { abandon, claim, commit, forgetRemoved, renew } from './commit.ts';
import { type Database, type DatabaseLog, type DatabaseOptions, openDatabase } from './database.ts';
import { currentGeneration } from './generations.ts';
import { dueRetries } from './due-retries.ts';
import { condemned, condemnExpired, count, forget, stateOf } from './ledger.ts';
import { countRows, listRows, type RowFilter } from './listing.ts';
import type { AttemptEnding, ClaimRequest, CommitRequest } from '../model/commit.ts';
import { renderRate } from './render-rate.ts';
import { decodeRow, ROW_COLUMNS, type RowColumns } from './row-codec.ts';
import {
  flaggedRemovals,
  flagRemovals,
  indexNow,
  knownBuckets,
  owedSweeps,
  oweSweep,
  paySweep,
  sourceId,
} from './sources.ts';
import { assertStorable } from './storable.ts';
import { recentAttempts } from './recent-attempts.ts';
import { setsOf } from './sets-of.ts';
import { verifyIndex } from './verify-index.ts';
import { registeredVolumes } from './volumes.ts';

export type OpenIndex = ReturnType<typeof openIndex>;

/**
 * Connects when first used and again whenever the server was away. Every method rejects with a coded AppError: `INDEX_UNAVAILABLE`,
 * `INDEX_TIMEOUT` and `INDEX_CONFLICT` (nothing is known to be changed: try again), `INDEX_ACCESS_DENIED` and `INDEX_NOT_PROVISIONED` (fatal).
 */
export function openIndex(options: DatabaseOptions, log: DatabaseLog) {
  const db = openDatabase(options, log);
  const permits = { url: options.url, applicationName: `${options.applicationName} permit`, db };
  const close = () => db.close();
  return {
    /** For roles before anything else: the index's id, or `INDEX_NOT_PROVISIONED` or `INDEX_TOO_NEW`. */
    verifyIndex: () => verifyIndex(db),

    // Index
    row: (ref: ObjectRef) => readRow(db, ref),
    claim: (request: ClaimRequest) => claim(db, request),
    renew: (setId: string, leaseMs: number) => renew(db, setId, leaseMs),
    abandon: (setId: string, ending: AttemptEnding) => abandon(db, setId, ending),
    commit: (request: CommitRequest) => commit(db, request),
    forgetRemoved: (ref: ObjectRef, revision: number) => forgetRemoved(db, ref, revision),
    sourceId: (store: string, bucket: string) => sourceId(db, store, bucket),
    oweSweep: (store: string, bucket: string, reason: string) => oweSweep(db, store, bucket, reason),

    // SetLedger
    condemned: (volume: string, graceMs: number, limit: number) => condemned(db, volume, graceMs, limit),
    condemnExpired: (volume: string) => condemnExpired(db, volume),
    forget: (setId: string) => forget(db, setId),
    stateOf: (setId: string) => stateOf(db, setId),
    count: (volume: string) => count(db, volume),

    /** The port SweepIndex for one sweep that begins now, or began at `beganAtMs` of the index's clock: `paySweep` pays what was owed until then. */
    beginSweep: async (beganAtMs?: number) => {
      const startedAtMs = beganAtMs ?? (await indexNow(db));
      return {
        startedAtMs,
        rows: (store: string, bucket: string, prefix: string, after?: string) =>
          listRows(db, { store, bucket, prefix, ...(after === undefined ? {} : { after }) }),
        /** Without the removed ones. */
        count: (store: string, bucket: string, prefix: string) => countRows(db, { store, bucket, prefix }, 'removed'),
        sourceId: (store: string, bucket: string) => sourceId(db, store, bucket),
        paySweep: (store: string, bucket: string) => paySweep(db, store, bucket, startedAtMs),
        flagRemovals: (store: string, bucket: string, removals: number) => flagRemovals(db, store, bucket, removals),
      };
    },
    dueRetries: (store: string) => dueRetries(db, store),
    renderRate: () => renderRate(db),
    knownBuckets: (store: string) => knownBuckets(db, store),
    owedSweeps: () => owedSweeps(db),
    flaggedRemovals: () => flaggedRemovals(db),

    /** For `object ls`: streamed, by bucket and key. */
    list: (filter: RowFilter) => listRows(db, filter),
    attemptsOf: (ref: ObjectRef) => attemptsOf(db, ref),
    setsOf: (ref: ObjectRef) => setsOf(db, ref),
    recentAttempts: (windowMs: number) => recentAttempts(db, windowMs),
    pruneAttempts: () => pruneAttempts(db),
    currentGeneration: () => currentGeneration(db),
    registeredVolumes: () => registeredVolumes(db),

    /** See advisory.ts. */
    hostPermit: (name: string, signal?: AbortSignal) => hostPermit(permits, name, signal),

    /** May be called twice. What runs is waited for. */
    close,
    [Symbol.asyncDispose]: close,
  };
}

const ROW = {
  name: 'row',
  text: `SELECT ${ROW_COLUMNS} FROM millrace.objects AS o LEFT JOIN millrace.sets AS s ON s.id = o.set_id
    WHERE o.store = $1 AND o.bucket = $2 AND o.key = $3`,
};

async function readRow(db: Database, ref: ObjectRef): Promise<ObjectRow | null> {
  assertStorable(ref);
  const [row] = await db.query<RowColumns>(ROW, [ref.store, ref.bucket, ref.key]);
  return row === undefined ? null : decodeRow(row);
}
