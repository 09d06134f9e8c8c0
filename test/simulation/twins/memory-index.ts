// The index in memory: rows, sets, attempts, one revision sequence, leases by the world's clock. The rules of claim and commit stand
// here as plainly as they can be said; the contract suite holds PostgreSQL to the same.
import { compareKeys, type ObjectRef, refHash } from '../../../workers/model/object-ref.ts';
import type { LiveSet, ObjectRow } from '../../../workers/model/object-row.ts';
import { type ObjectVersion, versionToken } from '../../../workers/model/object-version.ts';
import type { SetState } from '../../../workers/model/rendition-set.ts';
import type {
  AttemptEnding,
  AttemptHistory,
  ClaimAnswer,
  ClaimRequest,
  CommitAnswer,
  CommitRequest,
  Index,
  SetLedger,
  SweepIndex,
} from '../../../workers/pipeline/ports.ts';
import type { Sync } from './sync.ts';

export interface StoredSet {
  readonly setId: string;
  readonly ref: ObjectRef;
  readonly version: ObjectVersion;
  readonly fingerprint: string;
  readonly volume: string;
  readonly tier: string;
  state: SetState;
  leaseUntilMs: number;
  /** Infinity while it is not condemned. */
  condemnedAtMs: number;
}

interface Attempt {
  readonly setId: string;
  ending: AttemptEnding | null;
}

/** One database, seen through its three ports, and what a test wants to see of it. */
export interface MemoryIndex {
  readonly index: Sync<Index>;
  readonly ledger: Sync<SetLedger>;
  /** The port of one sweep that begins now: it pays what was owed until now. */
  sweepFromNow(): Sync<SweepIndex>;
  /** What `provision` does for a bucket. */
  provision(store: string, bucket: string, id: string): void;
  rows(): Iterable<ObjectRow>;
  sets(): Iterable<StoredSet>;
  set(setId: string): StoredSet | undefined;
  /** Unexpired claims of one object version; never more than one (I3). */
  standingClaims(ref: ObjectRef, version: ObjectVersion): number;
  /** Why a sweep of the bucket is owed. */
  owed(store: string, bucket: string): readonly string[];
  withheld(store: string, bucket: string): number;
}

/** Fences that a variant leaves out, to prove that the simulation would notice. */
export interface Fences {
  readonly row: boolean;
  readonly set: boolean;
  /** False: a removal deletes the row at once instead of being a commit like any other. */
  readonly removalIsCommit: boolean;
  /** False: a claim looks at no other. */
  readonly claim: boolean;
  /** False: a claim whose lease ran out is good until somebody else takes it. */
  readonly lease: boolean;
}

export const ALL_FENCES: Fences = { row: true, set: true, removalIsCommit: true, claim: true, lease: true };

export function createMemoryIndex(now: () => number, fences: Fences = ALL_FENCES): MemoryIndex {
  const rows = new Map<string, ObjectRow>();
  const sets = new Map<string, StoredSet>();
  const attempts = new Map<string, Attempt[]>();
  const sources = new Map<string, string>();
  const owedSweeps = new Map<string, Map<string, number>>();
  const flags = new Map<string, number>();
  let lastRevision = 0;

  function condemn(set: StoredSet): void {
    set.state = 'condemned';
    set.condemnedAtMs = now();
  }

  function claim(request: ClaimRequest): ClaimAnswer {
    const { ref, version } = request;
    for (const set of fences.claim ? writing(ref, version) : []) {
      if (set.leaseUntilMs > now()) return { kind: 'elsewhere' };
      condemn(set);
    }
    const { setId, fingerprint, volume, tier, leaseMs } = request;
    sets.set(setId, {
      setId,
      ref,
      version,
      fingerprint,
      volume,
      tier,
      state: 'writing',
      leaseUntilMs: now() + leaseMs,
      condemnedAtMs: Number.POSITIVE_INFINITY,
    });
    const key = versionKey(ref, version);
    const earlier = attempts.get(key) ?? [];
    attempts.set(key, [...earlier, { setId, ending: null }]);
    return { kind: 'claimed', history: historyOf(earlier) };
  }

  function* writing(ref: ObjectRef, version: ObjectVersion): Iterable<StoredSet> {
    const key = versionKey(ref, version);
    for (const set of sets.values()) {
      if (set.state === 'writing' && versionKey(set.ref, set.version) === key) yield set;
    }
  }

  /** An expired claim stands no more, whether or not anybody has condemned it already: its message may have been settled by others. */
  function stands(set: StoredSet): boolean {
    return set.state === 'writing' && (set.leaseUntilMs > now() || !fences.lease);
  }

  function endAttempt(set: StoredSet, ending: AttemptEnding): void {
    const attempt = attempts.get(versionKey(set.ref, set.version))?.find(({ setId }) => setId === set.setId);
    if (attempt !== undefined) attempt.ending ??= ending;
  }

  function commit(request: CommitRequest): CommitAnswer {
    const { ref, change } = request;
    const key = refHash(ref);
    const before = rows.get(key);
    if (fences.row && (before?.revision ?? 0) !== request.observedRevision) return { kind: 'fenced', by: 'row' };
    const ours = request.claim === null ? undefined : sets.get(request.claim.setId);
    if (fences.set && request.claim !== null && !(ours !== undefined && stands(ours) && sameRef(ours.ref, ref))) {
      return { kind: 'fenced', by: 'set' };
    }
    if (before === undefined && (change.kind === 'touched' || change.kind === 'removed'))
      return { kind: 'fenced', by: 'row' };

    if (!request.keepSet && before?.set != null) condemnNamed(before.set.id);
    if (ours !== undefined && request.claim !== null) {
      if (change.kind === 'rendered') {
        ours.state = 'live';
        ours.condemnedAtMs = Number.POSITIVE_INFINITY;
      } else condemn(ours);
      endAttempt(ours, request.claim.ending);
    }
    const row = rowAfter(request, before, ours, ++lastRevision, now());
    if (change.kind === 'removed' && !fences.removalIsCommit) rows.delete(key);
    else rows.set(key, row);
    return { kind: 'committed', row };
  }

  function condemnNamed(setId: string): void {
    const set = sets.get(setId);
    if (set !== undefined && set.state !== 'condemned') condemn(set);
  }

  function* below(store: string, bucket: string, prefix: string): Iterable<ObjectRow> {
    for (const row of rows.values()) {
      if (row.ref.store === store && row.ref.bucket === bucket && row.ref.key.startsWith(prefix)) yield row;
    }
  }

  const sourceId = (store: string, bucket: string): string | null => sources.get(`${store}/${bucket}`) ?? null;

  const index: Sync<Index> = {
    row: (ref) => rows.get(refHash(ref)) ?? null,
    sourceId,
    oweSweep(store, bucket, reason) {
      const source = `${store}/${bucket}`;
      owedSweeps.set(source, (owedSweeps.get(source) ?? new Map<string, number>()).set(reason, now()));
    },
    claim,
    renew(setId, leaseMs) {
      const set = sets.get(setId);
      if (set === undefined || !stands(set)) return false;
      set.leaseUntilMs = now() + leaseMs;
      return true;
    },
    abandon(setId, ending) {
      const set = sets.get(setId);
      if (set === undefined) return;
      if (set.state === 'writing') condemn(set);
      endAttempt(set, ending);
    },
    commit,
    forgetRemoved(ref, revision) {
      const row = rows.get(refHash(ref));
      if (row?.state === 'removed' && row.revision === revision) rows.delete(refHash(ref));
    },
  };

  const ledger: Sync<SetLedger> = {
    condemned(volume, graceMs, limit) {
      const past = now() - graceMs;
      return [...sets.values()]
        .filter((set) => set.volume === volume && set.state === 'condemned' && set.condemnedAtMs <= past)
        .sort((a, b) => a.condemnedAtMs - b.condemnedAtMs)
        .slice(0, limit)
        .map(({ setId }) => setId);
    },
    condemnExpired(volume) {
      let count = 0;
      for (const set of sets.values()) {
        if (set.volume !== volume || set.state !== 'writing' || set.leaseUntilMs > now()) continue;
        condemn(set);
        count++;
      }
      return count;
    },
    forget(setId) {
      if (sets.get(setId)?.state === 'condemned') sets.delete(setId);
    },
    stateOf: (setId) => sets.get(setId)?.state ?? null,
    count: (volume) => [...sets.values()].filter((set) => set.volume === volume).length,
  };

  function sweepFromNow(): Sync<SweepIndex> {
    const startedAtMs = now();
    return {
      rows: (store, bucket, prefix) =>
        [...below(store, bucket, prefix)].sort((a, b) => compareKeys(a.ref.key, b.ref.key)),
      count: (...where) => [...below(...where)].length,
      sourceId,
      paySweep(store, bucket) {
        const owed = owedSweeps.get(`${store}/${bucket}`) ?? new Map<string, number>();
        for (const [reason, lastAtMs] of owed) if (lastAtMs <= startedAtMs) owed.delete(reason);
      },
      flagRemovals(store, bucket, count) {
        flags.set(`${store}/${bucket}`, count);
      },
    };
  }

  return {
    index,
    ledger,
    sweepFromNow,
    provision(store, bucket, id) {
      sources.set(`${store}/${bucket}`, id);
    },
    rows: () => rows.values(),
    sets: () => sets.values(),
    set: (setId) => sets.get(setId),
    standingClaims(ref, version) {
      let count = 0;
      for (const set of writing(ref, version)) if (set.leaseUntilMs > now()) count++;
      return count;
    },
    owed: (store, bucket) => [...(owedSweeps.get(`${store}/${bucket}`)?.keys() ?? [])],
    withheld: (store, bucket) => flags.get(`${store}/${bucket}`) ?? 0,
  };
}

function sameRef(a: ObjectRef, b: ObjectRef): boolean {
  return a.store === b.store && a.bucket === b.bucket && a.key === b.key;
}

function versionKey(ref: ObjectRef, version: ObjectVersion): string {
  return `${refHash(ref)}/${versionToken(version)}`;
}

function historyOf(attempts: readonly Attempt[]): AttemptHistory {
  const died = ({ ending }: Attempt): boolean => ending?.outcome === 'died' || ending?.outcome === 'timed-out';
  return {
    deaths: attempts.filter(died).length,
    unfinished: attempts.filter(({ ending }) => ending === null).length,
  };
}

/** `before` is what the row said; `ours` is the claim of this commit. */
function rowAfter(
  { ref, tier, generation, change, keepSet }: CommitRequest,
  before: ObjectRow | undefined,
  ours: StoredSet | undefined,
  revision: number,
  committedAtMs: number,
): ObjectRow {
  const kept = keepSet ? (before?.set ?? null) : null;
  const common = { ref, revision, tier, generation, committedAtMs };
  const empty = { set: kept, damaged: false, metadata: null, refusal: null };
  switch (change.kind) {
    case 'rendered': {
      const { version, renditions, metadata, damaged } = change;
      const set: LiveSet | null = ours
        ? { id: ours.setId, volume: ours.volume, tier: ours.tier, fingerprint: ours.fingerprint, renditions }
        : null;
      return { ...common, state: 'committed', version, set, damaged, metadata, refusal: null };
    }
    case 'plain':
      return { ...common, ...empty, state: 'plain', version: change.version };
    case 'refused': {
      const { version, refusal } = change;
      const damaged = kept !== null && before?.damaged === true;
      return {
        ...common,
        state: 'refused',
        version,
        set: kept,
        damaged,
        metadata: kept && (before?.metadata ?? null),
        refusal,
      };
    }
    case 'touched':
    case 'removed': {
      if (before === undefined) throw new Error(`a row that is not there cannot be ${change.kind}`);
      if (change.kind === 'touched') return { ...before, ...common, version: change.version };
      return { ...common, ...empty, state: 'removed', version: before.version };
    }
  }
}
