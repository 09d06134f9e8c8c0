import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desiredOf, refusalBasis } from '../../../workers/model/desired.ts';
import type { LaneLoad } from '../../../workers/model/history.ts';
import type { ObjectRow } from '../../../workers/model/object-row.ts';
import { versionToken } from '../../../workers/model/object-version.ts';
import type { Gate, VolumeAnnouncement } from '../../../workers/model/volume.ts';
import { type Circumstances, diagnose, type Standing } from '../../../workers/pipeline/diagnose.ts';
import type { Observed } from '../../../workers/pipeline/observe.ts';
import { refOf, somePicture, versionOf, wanted } from '../../harness/wanted.ts';

const NOW_MS = 1_800_000_000_000;
const PRESENT = { decoders: 'd1', nowMs: NOW_MS, removeUncovered: false };
const WANTED = wanted();
const REF = refOf('a.jpg');
const VERSION = versionOf();

const LIVE = {
  id: 's',
  volume: 'v1',
  tier: 'default',
  fingerprint: desiredOf(REF, WANTED)?.fingerprint ?? '',
  renditions: [],
};

function row(over: Partial<ObjectRow> = {}): ObjectRow {
  return {
    ref: REF,
    revision: 5,
    state: 'committed',
    version: VERSION,
    set: LIVE,
    tier: 'default',
    generation: 1,
    damaged: false,
    metadata: somePicture,
    refusal: null,
    committedAtMs: 1,
    ...over,
  };
}

function refused(over: Partial<NonNullable<ObjectRow['refusal']>>): ObjectRow {
  const refusal = { code: 'NOT_DECODABLE', message: 'm', basis: refusalBasis(WANTED, 'd1'), retryAtMs: null, ...over };
  return row({ state: 'refused', set: null, metadata: null, refusal });
}

function seen(own: ObjectRow | null, sighting: Observed['sighting'] = { kind: 'present', version: VERSION }): Observed {
  return { ref: REF, row: own, sighting, sourceProven: true };
}

function keeper(gate: Gate, tier = 'default'): VolumeAnnouncement {
  return {
    v: 1,
    volumeId: 'v1',
    host: 'h',
    tier,
    path: '/v',
    url: '',
    indexId: 'i',
    freeBytes: 1,
    gate,
    mountEpoch: 1,
  };
}

const idle: LaneLoad = { name: 'changes', lane: 'live', tier: null, pending: 0, underWay: 0, pulls: 1 };
const quiet: Circumstances = {
  attempts: [],
  sets: [],
  lanes: [idle],
  keepers: [keeper({ state: 'open' })],
  letters: [],
};
const busy: Circumstances = { ...quiet, lanes: [{ ...idle, pending: 7 }] };
const GONE = { kind: 'gone', sourceTag: 't' } as const;
const claim = {
  id: 's2',
  version: versionToken(VERSION),
  state: 'writing',
  volume: 'v1',
  tier: 'default',
  host: 'h2',
  createdAtMs: NOW_MS,
  isLeased: true,
  condemnedAtMs: null,
} as const;
const died = {
  setId: 's3',
  version: versionToken(VERSION),
  host: 'h',
  startedAtMs: 1,
  ending: { outcome: 'died', code: 'RENDERER_DIED', message: 'm', phasesMs: {}, endedAtMs: 2 },
} as const;
const closed = keeper({ state: 'closed', reason: 'NO_SPACE', message: 'full' });

const CASES: readonly (readonly [string, Observed, Circumstances, Standing, RegExp, RegExp | null])[] = [
  ['as it should be', seen(row()), quiet, 'right', /stand on volume v1/, null],
  ['no picture', seen(row({ state: 'plain', set: null, metadata: null })), quiet, 'right', /no picture/, null],
  ['refused', seen(refused({})), quiet, 'refused', /^NOT_DECODABLE: m$/, /Upload/],
  ['refused for a while', seen(refused({ retryAtMs: NOW_MS + 1 })), quiet, 'refused', /tried again at 2027/, /Upload/],
  ['another try due', seen(refused({ retryAtMs: 1 })), busy, 'waiting', /another try is due/, null],
  ['refused by older decoders', seen(refused({ basis: 'x' })), quiet, 'stuck', /other limits or decoders/, /sweep/],
  ['unknown, its event waits', seen(null), busy, 'waiting', /does not know it yet.*changes: 7 waiting/, null],
  [
    'unknown, no event',
    seen(null),
    quiet,
    'stuck',
    /No event and no work item/,
    /sweep --bucket photos --prefix "a.jpg"/,
  ],
  [
    'nobody pulls',
    seen(null),
    { ...busy, lanes: [{ ...idle, pending: 7, pulls: 0 }] },
    'stuck',
    /Nobody takes/,
    /processor/,
  ],
  ['a letter about it', seen(null), { ...quiet, letters: [4] }, 'stuck', /./, /dead-letter show 4/],
  ['being rendered', seen(null), { ...quiet, sets: [claim] }, 'under-way', /h2 renders it since/, null],
  [
    'a claim that ran out',
    seen(null),
    { ...busy, sets: [{ ...claim, isLeased: false }] },
    'waiting',
    /7 waiting/,
    null,
  ],
  [
    'a renderer died of it',
    seen(null),
    { ...busy, attempts: [died] },
    'waiting',
    /RENDERER_DIED: The renderer crashed/,
    /./,
  ],
  [
    'volume full',
    seen(null),
    { ...busy, keepers: [closed] },
    'stuck',
    /v1 on h is closed \(NO_SPACE: full\)/,
    /Free space/,
  ],
  [
    'no keeper of its tier',
    seen(null),
    { ...busy, keepers: [keeper({ state: 'open' }, 'x')] },
    'stuck',
    /No keeper/,
    /keeper/,
  ],
  ['other tier', seen(row({ set: { ...LIVE, tier: 'old' } })), busy, 'waiting', /on tier old, wanted on default/, null],
  ['other presets', seen(row({ set: { ...LIVE, fingerprint: 'old' } })), busy, 'waiting', /presets were changed/, null],
  ['overwritten', seen(row({ version: versionOf({ etag: 'e0' }) })), busy, 'waiting', /It was overwritten/, null],
  ['gone', seen(null, GONE), quiet, 'absent', /no row/, null],
  ['gone, not noticed', seen(row(), GONE), quiet, 'stuck', /its row still stands/, /sweep/],
  ['of a newer generation', seen(row({ generation: 2 })), quiet, 'stuck', /newer configuration/, /provision/],
  [
    'not proven',
    { ...seen(row(), GONE), sourceProven: false },
    quiet,
    'trouble',
    /^SOURCE_NOT_PROVEN: /,
    /--accept-source/,
  ],
];

for (const [name, observed, around, standing, because, help] of CASES) {
  test(`${name}: ${standing}`, () => {
    const told = diagnose(observed, WANTED, PRESENT, around);
    assert.equal(told.standing, standing, told.because);
    assert.match(told.because, because);
    if (help === null) assert.equal(told.help, null);
    else assert.match(told.help ?? '', help);
  });
}

test('what no source covers is not ours', () => {
  const ref = refOf('a.jpg', 'others');
  const told = diagnose({ ...seen(null), ref }, WANTED, PRESENT, quiet);
  assert.deepEqual([told.standing, told.plan], ['not-ours', 'skip']);
});
