// Which volumes may be written to: the rules, without a server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VolumeAnnouncement } from '../../../workers/model/volume.ts';
import { createVolumeBoard } from '../../../workers/nats/volume-board.ts';

function setup() {
  let nowMs = 1_000;
  const board = createVolumeBoard({ host: 'here', indexId: 'index', ttlMs: 100, nowMs: () => nowMs });
  let revision = 0;
  const receive = (over: Partial<VolumeAnnouncement> = {}) => {
    revision += 1;
    board.receive(
      {
        v: 1,
        volumeId: 'v1',
        host: 'here',
        tier: 'default',
        path: '/v1',
        url: 'http://here',
        indexId: 'index',
        freeBytes: 1,
        gate: { state: 'open' },
        mountEpoch: 1,
        ...over,
      },
      revision,
    );
    return revision;
  };
  return {
    board,
    receive,
    pass: (ms: number) => void (nowMs += ms),
    open: () => board.open().map(({ volumeId }) => volumeId),
  };
}

const closed = { state: 'closed', reason: 'NO_SPACE', message: '' } as const;
const notOpen: readonly [string, Partial<VolumeAnnouncement>][] = [
  ['a volume of another host', { host: 'there' }],
  ['a volume whose rows are in another index', { indexId: 'other' }],
  ['a volume whose gate is closed', { gate: closed }],
];
for (const [what, over] of notOpen) {
  test(`${what} is known but not open`, () => {
    const { board, receive, open } = setup();
    receive(over);
    assert.deepEqual(open(), []);
    assert.equal(board.keepers().length, 1);
  });
}

test('the newest mount of a volume wins, until it falls silent', () => {
  const { board, receive, pass, open } = setup();
  receive({ mountEpoch: 5 });
  assert.deepEqual(open(), ['v1']);
  pass(60);
  receive({ host: 'there', mountEpoch: 6 });
  receive({ mountEpoch: 5 }); // the old keeper has not noticed yet
  assert.deepEqual(open(), []);
  assert.deepEqual(
    board.keepers().map(({ host }) => host),
    ['there'],
  );
  pass(60);
  receive({ mountEpoch: 5 });
  pass(60);
  assert.deepEqual(open(), ['v1']);
});

test('an announcement that is received again does not become younger', () => {
  const { board, receive, pass, open } = setup();
  const revision = receive();
  pass(90);
  board.receive({ ...board.keepers()[0] } as VolumeAnnouncement, revision);
  pass(20);
  assert.deepEqual(open(), []);
});

test('a doubted volume stays closed while the same announcement is all there is', () => {
  const { board, receive, open } = setup();
  receive();
  receive({ volumeId: 'v2' });
  board.doubt('v1');
  board.doubt('unknown');
  assert.deepEqual(open(), ['v2']);
  receive();
  assert.deepEqual(open().toSorted(), ['v1', 'v2']);
});

test('the emptiest volume comes first', () => {
  const { receive, open } = setup();
  receive({ volumeId: 'v1', freeBytes: 5 });
  receive({ volumeId: 'v2', freeBytes: 9 });
  assert.deepEqual(open(), ['v2', 'v1']);
});

test('a withdrawn volume is gone', () => {
  const { board, receive, open } = setup();
  receive();
  board.withdraw('v1', 'there');
  assert.deepEqual(open(), ['v1']);
  board.withdraw('v1', 'here');
  assert.deepEqual(open(), []);
});

test('a bucket that was made anew is believed once the old announcements have run out', () => {
  const { board, receive, pass, open } = setup();
  for (let n = 0; n < 5; n += 1) receive();
  board.doubt('v1');
  const [last] = board.keepers();
  assert.ok(last);
  board.receive(last, 1);
  assert.deepEqual(open(), []);
  pass(101);
  board.receive(last, 1);
  assert.deepEqual(open(), ['v1']);
});
