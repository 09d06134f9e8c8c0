// What every index must do, PostgreSQL or in memory: claims, leases, fences, the commit, and the keeper's ledger.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { ImageMetadata } from '../../workers/model/image-metadata.ts';
import type { ObjectRef } from '../../workers/model/object-ref.ts';
import type { ObjectRow } from '../../workers/model/object-row.ts';
import type { ObjectVersion } from '../../workers/model/object-version.ts';
import type { Rendition } from '../../workers/model/rendition-set.ts';
import type {
  AttemptEnding,
  AttemptHistory,
  ClaimAnswer,
  ClaimRequest,
  CommitAnswer,
  CommitRequest,
  Index,
  SetLedger,
} from '../../workers/pipeline/ports.ts';

export interface IndexUnderTest {
  /** Empty at the start of each test. */
  readonly index: Index & SetLedger;
  /** As if `ms` had passed: leases run out, graces end. */
  readonly advance: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

type Ending = AttemptEnding['outcome'];

const MINUTE_MS = 60_000;
const CAT: ObjectRef = { store: 'main', bucket: 'photos', key: 'cat.jpg' };
const DOG: ObjectRef = { store: 'main', bucket: 'photos', key: 'dog.jpg' };

export function makeVersion(change: Partial<ObjectVersion> = {}): ObjectVersion {
  return {
    etag: 'a'.repeat(32),
    versionId: null,
    modifiedAtS: 1_760_000_000,
    contentType: 'image/jpeg',
    userMetadataHash: '0'.repeat(32),
    sizeBytes: 123_456,
    ...change,
  };
}

export function makeRenditions(seed = 'x'): readonly Rendition[] {
  return [
    {
      preset: 'large',
      file: 'large.webp',
      format: 'webp',
      width: 1600,
      height: 1200,
      bytes: 200_000,
      sha256: `${seed}1`,
    },
    { preset: 'thumb', file: 'thumb.webp', format: 'webp', width: 160, height: 120, bytes: 4_000, sha256: `${seed}2` },
  ];
}

export const METADATA: ImageMetadata = {
  width: 4000,
  height: 3000,
  format: 'jpeg',
  orientation: 6,
  colourSpace: 'display-p3',
  hasAlpha: false,
  frames: 1,
  dominantColour: '#336699',
  thumbhash: '1QcSHQRnh493V4dIh4eXh1h4kJUI',
  exif: {
    cameraMake: 'Łódź',
    exposureS: 0.002,
    takenAt: '2025-10-09T08:53:20+02:00',
    gps: { latitude: -33.5, longitude: 151.25 },
  },
};

export function makeClaim(ref: ObjectRef, version: ObjectVersion, change: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    ref,
    version,
    setId: randomUUID(),
    fingerprint: 'f'.repeat(16),
    volume: 'vol-1',
    tier: 'hot',
    host: 'host-1',
    leaseMs: MINUTE_MS,
    ...change,
  };
}

export function ending(outcome: Ending): AttemptEnding {
  return {
    outcome,
    code: outcome === 'rendered' ? null : 'A_CODE',
    message: null,
    phasesMs: { looked: 1.25, rendered: 90 },
  };
}

const V1 = makeVersion();
const V2 = makeVersion({ etag: 'b'.repeat(32), modifiedAtS: V1.modifiedAtS + 1 });

export function indexContract(name: string, makeIndex: () => Promise<IndexUnderTest>): void {
  /** A test on a fresh index, closed whatever happens. */
  function it(sentence: string, body: (world: World) => Promise<void>): void {
    test(sentence, async () => {
      const made = await makeIndex();
      try {
        await body(worldOf(made));
      } finally {
        await made.close();
      }
    });
  }

  describe(`index contract: ${name}`, () => {
    describe('claims', () => {
      it('an object nobody committed has no row', async ({ index }) => {
        assert.equal(await index.row(CAT), null);
      });

      it('I3: one version is claimed once at a time, whoever asks and for whatever volume', async ({ index }) => {
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), claimed());
        const other = makeClaim(CAT, V1, { volume: 'vol-2', host: 'host-2', tier: 'cold' });
        assert.deepEqual(await index.claim(other), { kind: 'elsewhere' });
        assert.equal(await index.stateOf(other.setId), null);
      });

      it('I3: of 50 claims at once exactly one is given', async ({ index }) => {
        const requests = Array.from({ length: 50 }, (_, n) => makeClaim(CAT, V1, { host: `host-${n}` }));
        const answers = await Promise.all(requests.map((request) => index.claim(request)));
        assert.equal(answers.filter(({ kind }) => kind === 'claimed').length, 1);
        const states = await Promise.all(requests.map(({ setId }) => index.stateOf(setId)));
        assert.deepEqual(
          states,
          answers.map(({ kind }) => (kind === 'claimed' ? 'writing' : null)),
        );
      });

      it('other versions and other objects are claimed independently', async ({ index, claim }) => {
        await claim(CAT, V1);
        await claim(CAT, V2);
        await claim(CAT, makeVersion({ versionId: 'v-1' }));
        await claim(CAT, makeVersion({ contentType: 'image/png' }));
        await claim(DOG, V1);
        await claim({ ...CAT, bucket: 'other' }, V1);
        await claim({ ...CAT, store: 'other' }, V1);
        assert.equal(await index.count('vol-1'), 7);
      });

      it('an expired claim is condemned by the next one, on whatever volume it was', async ({
        index,
        claim,
        advance,
      }) => {
        const first = await claim(CAT, V1, { volume: 'vol-1' });
        await advance(MINUTE_MS + 1);
        const second = makeClaim(CAT, V1, { volume: 'vol-2' });
        assert.deepEqual(await index.claim(second), claimed({ unfinished: 1 }));
        assert.equal(await index.stateOf(first), 'condemned');
        assert.equal(await index.stateOf(second.setId), 'writing');
        assert.equal(await index.renew(first, MINUTE_MS), false);
        assert.equal(await index.renew(second.setId, MINUTE_MS), true);
      });

      it('I3: of 20 claims at once over an expired one exactly one is given', async ({ index, claim, advance }) => {
        await claim(CAT, V1);
        await advance(MINUTE_MS + 1);
        const answers = await Promise.all(Array.from({ length: 20 }, () => index.claim(makeClaim(CAT, V1))));
        assert.equal(answers.filter(({ kind }) => kind === 'claimed').length, 1);
      });

      it('a renewed claim stays', async ({ index, claim, advance }) => {
        const set = await claim(CAT, V1);
        await advance(MINUTE_MS / 2);
        assert.equal(await index.renew(set, 2 * MINUTE_MS), true);
        await advance(MINUTE_MS);
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), { kind: 'elsewhere' });
      });

      it('I3: an expired claim is nobody’s, also before anybody condemned it: not renewed, not committed', async (world) => {
        const { index, claim, advance } = world;
        const cat = await claim(CAT, V1);
        const dog = await claim(DOG, V1);
        await advance(MINUTE_MS + 1);
        assert.equal(await index.renew(cat, MINUTE_MS), false);
        assert.deepEqual(await index.commit(rendered(DOG, 0, V1, dog)), { kind: 'fenced', by: 'set' });
        await index.abandon(dog, ending('abandoned'));
        assert.deepEqual([await index.row(DOG), await index.stateOf(dog)], [null, 'condemned']);
      });

      it('renew knows nothing of an unknown set', async ({ index }) => {
        assert.equal(await index.renew(randomUUID(), MINUTE_MS), false);
      });
    });

    describe('attempts', () => {
      it('an abandoned claim is condemned, and the version can be claimed again', async ({ index, claim }) => {
        const first = await claim(CAT, V1);
        await index.abandon(first, ending('abandoned'));
        assert.equal(await index.stateOf(first), 'condemned');
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), claimed());
      });

      it('abandoning twice, or an unknown set, or a committed one, changes nothing', async ({
        index,
        claim,
        commit,
      }) => {
        const set = await claim(CAT, V1);
        const row = await commit(rendered(CAT, 0, V1, set));
        await index.abandon(set, ending('died'));
        await index.abandon(set, ending('died'));
        await index.abandon(randomUUID(), ending('died'));
        assert.equal(await index.stateOf(set), 'live');
        assert.deepEqual(await index.row(CAT), row);
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), claimed(), 'the attempt keeps its first ending');
      });

      it('deaths and timeouts count as deaths, every other ending does not', async ({ index, claim }) => {
        for (const outcome of ['died', 'timed-out', 'abandoned', 'refused', 'plain', 'died'] as const) {
          await index.abandon(await claim(CAT, V1), ending(outcome));
        }
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), claimed({ deaths: 3 }));
      });

      it('an attempt without an end is unfinished until its holder ends it', async ({ index, claim, advance }) => {
        const first = await claim(CAT, V1);
        await advance(MINUTE_MS + 1);
        const second = makeClaim(CAT, V1);
        assert.deepEqual(await index.claim(second), claimed({ unfinished: 1 }));
        await advance(MINUTE_MS + 1);
        const third = makeClaim(CAT, V1);
        assert.deepEqual(await index.claim(third), claimed({ unfinished: 2 }));
        await index.abandon(first, ending('abandoned'));
        await index.abandon(second.setId, ending('timed-out'));
        await index.abandon(third.setId, ending('abandoned'));
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), claimed({ deaths: 1 }));
      });

      it('history is of this object and this version alone, and outlives its sets', async ({ index, claim }) => {
        const set = await claim(CAT, V1);
        await index.abandon(set, ending('died'));
        assert.deepEqual(await index.claim(makeClaim(CAT, V2)), claimed());
        assert.deepEqual(await index.claim(makeClaim(DOG, V1)), claimed());
        await index.forget(set);
        assert.deepEqual(await index.claim(makeClaim(CAT, V1)), claimed({ deaths: 1 }));
      });

      it('a commit ends its attempt; a fenced one does not', async ({ index, claim, commit, advance }) => {
        const row = await commit(plain(CAT, 0, V1));
        const fencedSet = await claim(CAT, V2);
        assert.deepEqual(await index.commit(rendered(CAT, row.revision + 1, V2, fencedSet)), {
          kind: 'fenced',
          by: 'row',
        });
        await advance(MINUTE_MS + 1);
        const second = makeClaim(CAT, V2);
        assert.deepEqual(await index.claim(second), claimed({ unfinished: 1 }));
        await commit(rendered(CAT, row.revision, V2, second.setId));
        assert.deepEqual(await index.claim(makeClaim(CAT, V2)), claimed({ unfinished: 1 }));
      });
    });

    describe('commit', () => {
      it('rendered: the row names the claim’s set, which is live', async ({ index, claim, commit }) => {
        const set = await claim(CAT, V1, { volume: 'vol-7', tier: 'cold', fingerprint: '1'.repeat(16) });
        const row = await commit({ ...rendered(CAT, 0, V1, set, { damaged: true }), tier: 'cold', generation: 5 });
        assert.ok(row.revision > 0);
        assert.ok(row.committedAtMs > 1_500_000_000_000);
        assert.deepEqual(row, {
          ref: CAT,
          revision: row.revision,
          state: 'committed',
          version: V1,
          set: { id: set, volume: 'vol-7', tier: 'cold', fingerprint: '1'.repeat(16), renditions: makeRenditions() },
          tier: 'cold',
          generation: 5,
          damaged: true,
          metadata: METADATA,
          refusal: null,
          committedAtMs: row.committedAtMs,
        });
        assert.deepEqual(await index.row(CAT), row);
        assert.equal(await index.stateOf(set), 'live');
      });

      it('rendered again: the old set is condemned, the new one live, the revision higher', async ({
        index,
        claim,
        commit,
      }) => {
        const first = await claim(CAT, V1);
        const before = await commit(rendered(CAT, 0, V1, first));
        const second = await claim(CAT, V2);
        const after = await commit(rendered(CAT, before.revision, V2, second));
        assert.ok(after.revision > before.revision);
        assert.equal(after.set?.id, second);
        assert.deepEqual(after.version, V2);
        assert.deepEqual([await index.stateOf(first), await index.stateOf(second)], ['condemned', 'live']);
      });

      it('plain: no set; the claim and the old set are condemned', async ({ index, claim, commit }) => {
        const first = await claim(CAT, V1);
        const before = await commit(rendered(CAT, 0, V1, first));
        const second = await claim(CAT, V2);
        const after = await commit(plain(CAT, before.revision, V2, second));
        assert.deepEqual(
          [after.state, after.set, after.metadata, after.damaged, after.refusal, after.version],
          ['plain', null, null, false, null, V2],
        );
        assert.deepEqual([await index.stateOf(first), await index.stateOf(second)], ['condemned', 'condemned']);
        assert.deepEqual(await index.row(CAT), after);
      });

      it('refused: remembered with its retry; the claim is condemned', async ({ index, claim, commit }) => {
        const set = await claim(CAT, V1);
        const retryAtMs = 1_760_000_123_457;
        const row = await commit(refused(CAT, 0, V1, { claim: set, retryAtMs }));
        assert.equal(row.state, 'refused');
        assert.equal(row.set, null);
        assert.deepEqual(row.refusal, {
          code: 'TOO_LARGE',
          message: '101 megapixels',
          basis: 'b'.repeat(16),
          retryAtMs,
        });
        assert.equal(await index.stateOf(set), 'condemned');
        assert.deepEqual(await index.row(CAT), row);
        const never = await commit(refused(CAT, row.revision, V1, { retryAtMs: null }));
        assert.equal(never.refusal?.retryAtMs, null);
      });

      it('refused with keepSet: the row keeps the set and the metadata of the same version', async ({
        index,
        claim,
        commit,
      }) => {
        const set = await claim(CAT, V1);
        const before = await commit(rendered(CAT, 0, V1, set));
        const after = await commit(refused(CAT, before.revision, V1, { keepSet: true, claim: await claim(CAT, V1) }));
        assert.equal(after.state, 'refused');
        assert.deepEqual(after.set, before.set);
        assert.deepEqual(after.metadata, METADATA);
        assert.equal(await index.stateOf(set), 'live');
        assert.deepEqual(await index.row(CAT), after);
      });

      it('refused without keepSet: the set of the other version goes', async ({ index, claim, commit }) => {
        const set = await claim(CAT, V1);
        const before = await commit(rendered(CAT, 0, V1, set));
        const after = await commit(refused(CAT, before.revision, V2));
        assert.deepEqual([after.set, after.metadata], [null, null]);
        assert.equal(await index.stateOf(set), 'condemned');
      });

      it('rendered after refused: the refusal is forgotten', async ({ claim, commit }) => {
        const before = await commit(refused(CAT, 0, V1));
        const after = await commit(rendered(CAT, before.revision, V1, await claim(CAT, V1)));
        assert.deepEqual([after.state, after.refusal], ['committed', null]);
      });

      it('touched: version, generation and tier change; state, set, metadata and refusal stay', async ({
        index,
        claim,
        commit,
      }) => {
        const set = await claim(CAT, V1);
        const before = await commit(rendered(CAT, 0, V1, set, { damaged: true }));
        const version = makeVersion({ modifiedAtS: V1.modifiedAtS + 9, contentType: 'image/pjpeg', versionId: 'v-9' });
        const after = await commit({ ...touched(CAT, before.revision, version), generation: 7, tier: 'cold' });
        assert.deepEqual(after, {
          ...before,
          revision: after.revision,
          committedAtMs: after.committedAtMs,
          version,
          generation: 7,
          tier: 'cold',
        });
        assert.ok(after.revision > before.revision);
        assert.equal(await index.stateOf(set), 'live');
        assert.deepEqual(await index.row(CAT), after);

        const no = await commit(refused(DOG, 0, V1));
        const still = await commit(touched(DOG, no.revision, version));
        assert.deepEqual([still.state, still.refusal, still.version], ['refused', no.refusal, version]);
      });

      it('touched takes a versionId away as well', async ({ commit }) => {
        const before = await commit(plain(CAT, 0, makeVersion({ versionId: 'v-1' })));
        const after = await commit(touched(CAT, before.revision, V1));
        assert.deepEqual(after.version, V1);
      });

      it('removed: the row stays with its last version, the set is condemned', async ({ index, claim, commit }) => {
        const set = await claim(CAT, V1);
        const before = await commit(rendered(CAT, 0, V1, set));
        const after = await commit(removed(CAT, before.revision));
        assert.deepEqual([after.state, after.set, after.metadata, after.version], ['removed', null, null, V1]);
        assert.ok(after.revision > before.revision);
        assert.equal(await index.stateOf(set), 'condemned');
        assert.deepEqual(await index.row(CAT), after);
      });

      it('forgetRemoved deletes exactly the removed row of that revision', async ({ index, commit }) => {
        const before = await commit(plain(CAT, 0, V1));
        await index.forgetRemoved(CAT, before.revision);
        assert.deepEqual(await index.row(CAT), before, 'it is not removed');
        const gone = await commit(removed(CAT, before.revision));
        await index.forgetRemoved(CAT, before.revision);
        await index.forgetRemoved(CAT, gone.revision + 1);
        await index.forgetRemoved(DOG, gone.revision);
        assert.deepEqual(await index.row(CAT), gone);
        await index.forgetRemoved(CAT, gone.revision);
        await index.forgetRemoved(CAT, gone.revision);
        assert.equal(await index.row(CAT), null);
      });

      it('the revision grows through removal, forgetting and return', async ({ index, commit }) => {
        let last = 0;
        for (let round = 0; round < 3; round++) {
          const there = await commit(plain(CAT, 0, V1));
          const gone = await commit(removed(CAT, there.revision));
          assert.ok(there.revision > last && gone.revision > there.revision);
          last = gone.revision;
          await index.forgetRemoved(CAT, gone.revision);
        }
      });

      it('a removed row is rendered over like any other', async ({ claim, commit }) => {
        const there = await commit(plain(CAT, 0, V1));
        const gone = await commit(removed(CAT, there.revision));
        const back = await commit(rendered(CAT, gone.revision, V2, await claim(CAT, V2)));
        assert.deepEqual([back.state, back.version], ['committed', V2]);
      });

      it('revisions of all objects are from one sequence', async ({ commit }) => {
        const rows = [await commit(plain(CAT, 0, V1)), await commit(plain(DOG, 0, V1))];
        assert.ok((rows[1]?.revision ?? 0) > (rows[0]?.revision ?? 0));
      });
    });

    describe('fences', () => {
      it('a revision that is not the row’s changes nothing, and the claim still stands', async ({
        index,
        claim,
        commit,
      }) => {
        const live = await claim(CAT, V1);
        const first = await commit(rendered(CAT, 0, V1, live));
        const row = await commit(touched(CAT, first.revision, V1));
        const set = await claim(CAT, V2);
        for (const stale of [0, first.revision, row.revision + 1]) {
          assert.deepEqual(await index.commit(rendered(CAT, stale, V2, set)), { kind: 'fenced', by: 'row' });
        }
        assert.deepEqual(await index.row(CAT), row);
        assert.deepEqual([await index.stateOf(live), await index.stateOf(set)], ['live', 'writing']);
        assert.equal((await index.commit(rendered(CAT, row.revision, V2, set))).kind, 'committed');
      });

      it('a revision of a row that is not there changes nothing', async ({ index, claim }) => {
        const set = await claim(CAT, V1);
        assert.deepEqual(await index.commit(rendered(CAT, 1, V1, set)), { kind: 'fenced', by: 'row' });
        assert.deepEqual(await index.commit(removed(CAT, 1)), { kind: 'fenced', by: 'row' });
        assert.equal(await index.row(CAT), null);
        assert.equal(await index.stateOf(set), 'writing');
      });

      it('I3: a claim that was condemned commits nothing, whatever it brings', async ({
        index,
        claim,
        advance,
        commit,
      }) => {
        const live = await claim(CAT, V1);
        const row = await commit(rendered(CAT, 0, V1, live));
        const set = await claim(CAT, V2);
        await advance(MINUTE_MS + 1);
        await claim(CAT, V2);
        const late = [
          rendered(CAT, row.revision, V2, set),
          plain(CAT, row.revision, V2, set),
          refused(CAT, row.revision, V2, { claim: set }),
        ];
        for (const request of late) assert.deepEqual(await index.commit(request), { kind: 'fenced', by: 'set' });
        assert.deepEqual(await index.row(CAT), row);
        assert.deepEqual([await index.stateOf(live), await index.stateOf(set)], ['live', 'condemned']);
      });

      it('a claim of nothing, and one that was committed already, commit nothing', async ({ index, claim, commit }) => {
        assert.deepEqual(await index.commit(rendered(CAT, 0, V1, randomUUID())), { kind: 'fenced', by: 'set' });
        assert.equal(await index.row(CAT), null);
        const set = await claim(CAT, V1);
        const row = await commit(rendered(CAT, 0, V1, set));
        assert.deepEqual(await index.commit(rendered(CAT, row.revision, V1, set)), { kind: 'fenced', by: 'set' });
        assert.deepEqual(await index.row(CAT), row);
      });

      it('a claim of another object commits nothing', async ({ index, claim }) => {
        const set = await claim(DOG, V1);
        assert.deepEqual(await index.commit(rendered(CAT, 0, V1, set)), { kind: 'fenced', by: 'set' });
        assert.deepEqual([await index.row(CAT), await index.stateOf(set)], [null, 'writing']);
      });

      it('both fences broken: one of them is named', async ({ index, commit }) => {
        const row = await commit(plain(CAT, 0, V1));
        const answer = await index.commit(rendered(CAT, row.revision + 1, V1, randomUUID()));
        assert.equal(answer.kind, 'fenced');
      });

      it('of 12 commits at once over the same revision exactly one is taken', async ({ index, claim, commit }) => {
        const first = await commit(plain(CAT, 0, V1));
        for (const observed of [first.revision, 0]) {
          const ref = observed === 0 ? DOG : CAT;
          const sets = await Promise.all(
            Array.from({ length: 12 }, (_, n) => claim(ref, makeVersion({ etag: `${n}`.padStart(32, '0') }))),
          );
          const answers = await Promise.all(sets.map((set) => index.commit(rendered(ref, observed, V2, set))));
          const taken = answers.flatMap((answer, n) => (answer.kind === 'committed' ? [sets[n]] : []));
          assert.equal(taken.length, 1);
          assert.ok(answers.every((answer) => answer.kind === 'committed' || answer.by === 'row'));
          assert.equal((await index.row(ref))?.set?.id, taken[0]);
          for (const set of sets) assert.equal(await index.stateOf(set), set === taken[0] ? 'live' : 'writing');
        }
      });

      it('ABA: a row removed and forgotten since the look is fenced by its old revision', async ({
        index,
        claim,
        commit,
      }) => {
        const seen = await commit(plain(CAT, 0, V1));
        const set = await claim(CAT, V2);
        const gone = await commit(removed(CAT, seen.revision));
        await index.forgetRemoved(CAT, gone.revision);
        assert.deepEqual(await index.commit(rendered(CAT, seen.revision, V2, set)), { kind: 'fenced', by: 'row' });
        assert.equal(await index.row(CAT), null);
        const again = await commit(plain(CAT, 0, V1));
        assert.deepEqual(await index.commit(rendered(CAT, seen.revision, V2, set)), { kind: 'fenced', by: 'row' });
        assert.deepEqual(await index.row(CAT), again);
      });

      it('ABA: “no row” seen before a row came and went commits with a revision above both', async ({
        index,
        claim,
        commit,
      }) => {
        const set = await claim(CAT, V2);
        const there = await commit(plain(CAT, 0, V1));
        const gone = await commit(removed(CAT, there.revision));
        assert.deepEqual(await index.commit(rendered(CAT, 0, V2, set)), { kind: 'fenced', by: 'row' });
        await index.forgetRemoved(CAT, gone.revision);
        const row = await commit(rendered(CAT, 0, V2, set));
        assert.ok(row.revision > gone.revision);
      });
    });

    describe('the ledger', () => {
      it('lists sets condemned before the grace, oldest first, of one volume, up to the limit', async ({
        index,
        claim,
        advance,
      }) => {
        const sets: string[] = [];
        for (const version of [V1, V2, makeVersion({ etag: 'c' })]) {
          const set = await claim(CAT, version);
          await index.abandon(set, ending('abandoned'));
          sets.push(set);
          await advance(1_000);
        }
        const elsewhere = await claim(DOG, V1, { volume: 'vol-2' });
        await index.abandon(elsewhere, ending('abandoned'));
        await claim(DOG, V2);
        assert.deepEqual(await index.condemned('vol-1', MINUTE_MS, 10), []);
        assert.deepEqual(await index.condemned('vol-1', 2_000, 10), sets.slice(0, 2));
        assert.deepEqual(await index.condemned('vol-1', 0, 10), sets);
        assert.deepEqual(await index.condemned('vol-1', 0, 1), sets.slice(0, 1));
        assert.deepEqual(await index.condemned('vol-2', 0, 10), [elsewhere]);
      });

      it('I4: a set replaced by a commit waits out the grace from that commit on', async ({
        index,
        claim,
        commit,
        advance,
      }) => {
        const set = await claim(CAT, V1);
        const row = await commit(rendered(CAT, 0, V1, set));
        await advance(60 * MINUTE_MS);
        await commit(removed(CAT, row.revision));
        assert.deepEqual(await index.condemned('vol-1', 10 * MINUTE_MS, 10), []);
        await advance(10 * MINUTE_MS + 1);
        assert.deepEqual(await index.condemned('vol-1', 10 * MINUTE_MS, 10), [set]);
      });

      it('condemnExpired condemns the expired claims of its volume and no others', async ({
        index,
        claim,
        commit,
        advance,
      }) => {
        const live = await claim(DOG, V1);
        await commit(rendered(DOG, 0, V1, live));
        const expired = [await claim(CAT, V1), await claim(CAT, V2)];
        const elsewhere = await claim(DOG, V2, { volume: 'vol-2' });
        await advance(MINUTE_MS + 1);
        const fresh = await claim(CAT, makeVersion({ etag: 'c' }));
        assert.equal(await index.condemnExpired('vol-1'), 2);
        assert.equal(await index.condemnExpired('vol-1'), 0);
        const states = await Promise.all([live, ...expired, elsewhere, fresh].map((set) => index.stateOf(set)));
        assert.deepEqual(states, ['live', 'condemned', 'condemned', 'writing', 'writing']);
        assert.deepEqual(await index.commit(rendered(CAT, 0, V1, expired[0] ?? '')), { kind: 'fenced', by: 'set' });
      });

      it('forget deletes a condemned set only', async ({ index, claim, commit }) => {
        const writing = await claim(CAT, V1);
        const live = await claim(DOG, V1);
        const row = await commit(rendered(DOG, 0, V1, live));
        await index.forget(writing);
        await index.forget(live);
        await index.forget(randomUUID());
        assert.deepEqual([await index.stateOf(writing), await index.stateOf(live)], ['writing', 'live']);
        assert.equal(await index.count('vol-1'), 2);
        await commit(removed(DOG, row.revision));
        await index.forget(live);
        await index.forget(live);
        assert.equal(await index.stateOf(live), null);
        assert.equal(await index.count('vol-1'), 1);
        assert.deepEqual(await index.condemned('vol-1', 0, 10), []);
      });
    });

    describe('names', () => {
      it('awkward keys are different objects and come back as they were', async ({ index, commit }) => {
        const keys = [
          'a b+c%20d.jpg',
          'a b+c d.jpg',
          'A B+c d.jpg',
          ' lead and trail ',
          'quote\'"\\ $1 ${x} %s _.jpg',
          'dir//double/../up/.',
          'tab\tnew\nline',
          'cafe\u0301.jpg',
          'caf\u00e9.jpg',
          '😀.jpg',
          '\ufb01.jpg',
          'k'.repeat(1_000),
          '😀'.repeat(250),
          `${'k'.repeat(1_020)}/end`,
        ];
        for (const key of keys)
          await commit(plain({ ...CAT, key }, 0, makeVersion({ contentType: `text/x; k="${key.length}"` })));
        for (const key of keys) {
          const row = await index.row({ ...CAT, key });
          assert.equal(row?.ref.key, key);
          assert.equal(row.version.contentType, `text/x; k="${key.length}"`);
        }
        assert.equal(await index.row({ ...CAT, key: 'k'.repeat(999) }), null);
      });

      it('an empty versionId is not the same as none', async ({ index, claim }) => {
        await claim(CAT, makeVersion({ versionId: '' }));
        assert.equal((await index.claim(makeClaim(CAT, V1))).kind, 'claimed');
      });

      it('a bucket that was never provisioned has no id, and can owe a sweep twice', async ({ index }) => {
        assert.equal(await index.sourceId('main', 'unknown'), null);
        await index.oweSweep('main', 'unknown', 'NO_SUCH_BUCKET');
        await index.oweSweep('main', 'unknown', 'NO_SUCH_BUCKET');
        assert.equal(await index.sourceId('main', 'unknown'), null);
      });
    });
  });
}

interface World extends IndexUnderTest {
  /** Claims or fails the test; the set's id. */
  readonly claim: (ref: ObjectRef, version: ObjectVersion, change?: Partial<ClaimRequest>) => Promise<string>;
  /** Commits or fails the test. */
  readonly commit: (request: CommitRequest) => Promise<ObjectRow>;
}

function worldOf({ index, advance, close }: IndexUnderTest): World {
  return {
    index,
    advance,
    close,
    claim: async (ref, version, change = {}) => {
      const request = makeClaim(ref, version, change);
      const answer = await index.claim(request);
      assert.equal(answer.kind, 'claimed');
      return request.setId;
    },
    commit: async (request) => {
      const answer: CommitAnswer = await index.commit(request);
      if (answer.kind !== 'committed') assert.fail(`fenced by ${answer.by}`);
      return answer.row;
    },
  };
}

function claimed(history: Partial<AttemptHistory> = {}): ClaimAnswer {
  return { kind: 'claimed', history: { deaths: 0, unfinished: 0, ...history } };
}

function request(
  ref: ObjectRef,
  observedRevision: number,
  outcome: Ending,
  claim: string | undefined,
  keepSet = false,
) {
  const ended = claim === undefined ? null : { setId: claim, ending: ending(outcome) };
  return { ref, observedRevision, tier: 'hot', generation: 1, claim: ended, keepSet };
}

export function rendered(
  ref: ObjectRef,
  revision: number,
  version: ObjectVersion,
  claim: string,
  { damaged = false } = {},
): CommitRequest {
  const change = { kind: 'rendered', version, renditions: makeRenditions(), metadata: METADATA, damaged } as const;
  return { ...request(ref, revision, 'rendered', claim), change };
}

export function plain(ref: ObjectRef, revision: number, version: ObjectVersion, claim?: string): CommitRequest {
  return { ...request(ref, revision, 'plain', claim), change: { kind: 'plain', version } };
}

export function refused(
  ref: ObjectRef,
  revision: number,
  version: ObjectVersion,
  { claim, retryAtMs = null, keepSet = false }: { claim?: string; retryAtMs?: number | null; keepSet?: boolean } = {},
): CommitRequest {
  const refusal = { code: 'TOO_LARGE', message: '101 megapixels', basis: 'b'.repeat(16), retryAtMs };
  return { ...request(ref, revision, 'refused', claim, keepSet), change: { kind: 'refused', version, refusal } };
}

export function touched(ref: ObjectRef, revision: number, version: ObjectVersion): CommitRequest {
  return { ...request(ref, revision, 'abandoned', undefined, true), change: { kind: 'touched', version } };
}

export function removed(ref: ObjectRef, revision: number): CommitRequest {
  return { ...request(ref, revision, 'abandoned', undefined), change: { kind: 'removed' } };
}
