import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Space, shortage } from '../../../workers/volumes/space.ts';

const floor = { minFreeBytes: 1_000, minFreePercent: 2, minFreeInodes: 100 };
const space = (over: Partial<Space>): Space => ({ freeBytes: 10_000, totalBytes: 20_000, freeInodes: 10_000, ...over });

describe('free-space floor', () => {
  const cases: readonly [string, Partial<Space>, boolean, boolean][] = [
    ['above everything there is room', {}, false, false],
    ['at the floor there is room', { freeBytes: 1_000 }, false, false],
    ['below the floor there is none', { freeBytes: 999 }, false, true],
    ['once short it stays short just above the floor', { freeBytes: 1_099 }, true, true],
    ['and has room again a tenth above it', { freeBytes: 1_100 }, true, false],
    ['on a large file system the share counts', { freeBytes: 1_999, totalBytes: 100_000 }, false, true],
    ['inodes run out too', { freeInodes: 99 }, false, true],
    ['inodes have the same margin', { freeInodes: 105 }, true, true],
    ['a file system that counts no inodes lacks none', { freeInodes: null }, true, false],
  ];
  for (const [title, over, wasShort, short] of cases) {
    test(title, () => assert.equal(shortage(space(over), floor, wasShort) !== null, short));
  }
});
