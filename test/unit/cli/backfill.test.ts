import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackfillEstimate, PassDesk } from '../../../workers/cli/deps.ts';
import { duration } from '../../../workers/cli/backfill.ts';
import type { BackfillRequest, PassRequest } from '../../../workers/model/pass.ts';
import { ran } from './fake-process.ts';

function desk(over: Partial<PassDesk> = {}) {
  const requests: PassRequest[] = [];
  let closed = 0;
  const made: PassDesk = {
    start: async (request) => {
      requests.push(request);
      return { id: 'backfill-1', isNew: true };
    },
    list: async () => [],
    pause: async () => true,
    resume: async () => true,
    cancel: async () => 3,
    [Symbol.asyncDispose]: async () => void (closed += 1),
    ...over,
  };
  return { requests, closed: () => closed, deps: { openPassDesk: async () => made } };
}

function estimate(over: Partial<BackfillEstimate> = {}, counts: Partial<BackfillEstimate['counts']> = {}) {
  const none = {
    listed: 40_118,
    matched: 40_118,
    published: 312,
    new: 12,
    changed: 0,
    presets: 300,
    tier: 0,
    retry: 0,
  };
  return {
    counts: { ...none, ...counts },
    rate: { renders: 2_000, perS: 0.58 },
    etaS: 540,
    isRegistered: true,
    ...over,
  };
}

const START = ['backfill', 'start', '--bucket', 'images'];

test('start hands the request to the planner, and says how to look and how to end it', async () => {
  const { requests, closed, deps } = desk();
  const args = [
    '--prefix',
    '2026/',
    '--since',
    '2026-01-31T00:00:00Z',
    '--preset',
    'thumb',
    '--where',
    'state=refused',
  ];
  const { code, out, err } = await ran([...START, ...args], deps);
  assert.deepEqual([code, err], [0, '']);
  assert.deepEqual(requests, [
    {
      kind: 'backfill',
      store: 'main',
      bucket: 'images',
      prefix: '2026/',
      sinceS: Date.parse('2026-01-31') / 1000,
      preset: 'thumb',
      state: 'refused',
    },
  ]);
  assert.match(
    out,
    /^backfill-1: handed to the planner\.\nHow far it is: millrace backfill ls\..*cancel backfill-1\n$/,
  );
  assert.equal(closed(), 1);
});

test('a dry run says how many, why and how long, and starts nothing', async () => {
  const asked: BackfillRequest[] = [];
  const told = async (answer: BackfillEstimate) => {
    const { code, out } = await ran([...START, '--dry-run'], {
      estimateBackfill: async (_configuration, request) => {
        asked.push(request);
        return answer;
      },
    });
    assert.equal(code, 0);
    return out;
  };
  assert.equal(await told(estimate()), 'would render 312 of 40,118, about 9 min (12 new, 300 by other presets)\n');
  assert.equal(
    await told(estimate({ rate: null, etaS: null })),
    'would render 312 of 40,118, no render was measured lately (12 new, 300 by other presets)\n',
  );
  assert.equal(
    await told(estimate({ isRegistered: false }, { published: 0, new: 0, presets: 0 })),
    'would render 0 of 40,118\nwith this configuration, which is not the registered one\n',
  );
  assert.equal(asked[0]?.sinceS, null);
});

test('times are told in the unit a person would use', () => {
  assert.deepEqual([0.2, 45, 540, 7_200, 360_000].map(duration), ['1 s', '45 s', '9 min', '2 h', '100 h']);
});

test('ls shows each pass on a line; a pass that is not there is an error with what to do', async () => {
  const { deps } = desk({
    list: async () => [
      {
        id: 'sweep-1',
        request: { kind: 'sweep', store: 'main', bucket: 'images', prefix: 'a/', allowRemovals: 0 },
        state: 'failed',
        counts: { listed: 40_118, published: 2 },
        startedAtMs: 0,
        endedAtMs: 1,
        failure: 'ACCESS_DENIED: no',
      },
    ],
    pause: async () => false,
    cancel: async () => null,
  });
  const { out } = await ran(['backfill', 'ls'], deps);
  assert.equal(
    out,
    'sweep-1  failed     1970-01-01T00:00:00.000Z  images/a/  40,118 listed, 2 published  ACCESS_DENIED: no\n',
  );
  assert.equal(JSON.parse((await ran(['backfill', 'ls', '--json'], deps)).out).id, 'sweep-1');
  for (const verb of ['pause', 'cancel']) {
    const { code, err } = await ran(['backfill', verb, 'no'], deps);
    assert.equal(code, 1);
    assert.match(err, /NO_SUCH_PASS[\s\S]*millrace backfill ls/);
  }
  assert.match((await ran(['backfill', 'resume', 'sweep-1'], deps)).out, /sweep-1: goes on/);
  assert.match((await ran(['backfill', 'cancel', 'sweep-1'], desk().deps)).out, /cancelled; 3 work items taken back/);
});

test('what makes no sense is refused before anything is asked', async () => {
  const wrong: readonly [readonly string[], number, RegExp][] = [
    [['backfill', 'start'], 2, /--bucket/],
    [[...START, '--since', 'yesterday'], 2, /Expected a date/],
    [[...START, '--where', 'state=lost'], 2, /Expected state=/],
    [['backfill', 'start', '--bucket', 'other'], 1, /NO_SOURCE[\s\S]*images/],
    [[...START, '--preset', 'huge'], 1, /NO_PRESET[\s\S]*thumb/],
  ];
  for (const [args, exit, text] of wrong) {
    const { code, err } = await ran(args, desk().deps);
    assert.equal(code, exit, args.join(' '));
    assert.match(err, text);
  }
});
