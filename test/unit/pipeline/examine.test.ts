import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolSample, ProcessorReport } from '../../../workers/model/pool-status.ts';
import { examinePool } from '../../../workers/pipeline/examine.ts';

const loop = { consumer: 'changes', state: 'pulling', code: null, inFlight: 0, pauseMs: 0 };
const processor: ProcessorReport = {
  v: 1,
  host: 'h',
  pid: 1,
  upMs: 1,
  generation: 1,
  renderers: { size: 1, busy: 0 },
  openTiers: ['t'],
  loops: [loop],
};
const volume = {
  v: 1,
  volumeId: 'v1',
  host: 'h',
  tier: 't',
  path: '/v',
  url: '',
  indexId: 'i',
  freeBytes: 1,
  gate: { state: 'open' },
  mountEpoch: 1,
} as const;
const full = { ...volume, volumeId: 'v2', gate: { state: 'closed', reason: 'NO_SPACE', message: 'full' } } as const;
const lane = { name: 'changes', lane: 'live', tier: null, pending: 3, underWay: 0, pulls: 1, ended: 0 } as const;
const healthy: PoolSample = {
  atMs: 1,
  lanes: [lane],
  processors: [processor],
  volumes: [volume],
  streams: [{ name: 'EVENTS', messages: 1, bytes: 10, maxBytes: 100 }],
  lastMinute: {},
  owedSweeps: [],
  withheldRemovals: [],
};

const CASES: readonly (readonly [string, Partial<PoolSample>, readonly string[]])[] = [
  ['nothing', {}, []],
  ['a lane that nobody serves', { lanes: [{ ...lane, pulls: 0 }] }, ['broken NOBODY_PULLS']],
  [
    'events nearly full',
    { streams: [{ name: 'EVENTS', messages: 1, bytes: 95, maxBytes: 100 }] },
    ['broken EVENTS_FULL'],
  ],
  [
    'work items nearly full',
    { streams: [{ name: 'PLANNED', messages: 1, bytes: 95, maxBytes: 100 }] },
    ['broken STREAM_FULL'],
  ],
  [
    'a log of outcomes that lets the oldest go',
    { streams: [{ name: 'OUTCOMES', messages: 1, bytes: 99, maxBytes: 100 }] },
    [],
  ],
  ['nobody answers', { processors: [] }, ['broken NO_PROCESSOR']],
  ['other configuration', { processors: [{ ...processor, generation: null }] }, ['broken CONFIG_OUTDATED']],
  [
    'a loop in trouble',
    { processors: [{ ...processor, loops: [{ ...loop, code: 'CONSUMER_MISSING' }] }] },
    ['broken CONSUMER_MISSING'],
  ],
  ['a loop held back', { processors: [{ ...processor, loops: [{ ...loop, pauseMs: 9 }] }] }, ['broken HELD_BACK']],
  ['no keeper', { volumes: [] }, ['broken NO_KEEPER']],
  ['the only volume closed', { volumes: [full] }, ['broken NO_SPACE']],
  ['one of two volumes closed', { volumes: [volume, full] }, ['warning NO_SPACE']],
];

for (const [name, change, expected] of CASES) {
  test(`${name}: ${expected.join(', ') || 'fine'}`, () => {
    const found = examinePool({ ...healthy, ...change }, ['t']);
    const faults = found.filter(({ state }) => state !== 'fine');
    assert.deepEqual(
      faults.map(({ state, code }) => `${state} ${code}`),
      expected,
    );
    assert.ok(faults.every(({ remedy }) => remedy !== null));
  });
}
