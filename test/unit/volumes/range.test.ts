import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { answerFor, type Conditions } from '../../../workers/volumes/range.ts';

const etag = '"set/large.webp"';
const none: Conditions = { ifNoneMatch: undefined, range: undefined, ifRange: undefined };
const told = (over: Partial<Conditions>, sizeBytes = 100): string => {
  const answer = answerFor({ ...none, ...over }, etag, sizeBytes);
  return answer.kind === 'part' ? `${answer.first}-${answer.last}` : answer.kind;
};

describe('conditional reads', () => {
  const cases: readonly [string, Partial<Conditions>, string][] = [
    ['nothing asked', {}, 'whole'],
    ['our etag', { ifNoneMatch: etag }, 'not-modified'],
    ['our etag, weak, among others', { ifNoneMatch: `"a", W/${etag}` }, 'not-modified'],
    ['any etag', { ifNoneMatch: '*' }, 'not-modified'],
    ['another etag', { ifNoneMatch: '"other"' }, 'whole'],
    ['an etag goes before a range', { ifNoneMatch: etag, range: 'bytes=0-1' }, 'not-modified'],
    ['a first part', { range: 'bytes=0-9' }, '0-9'],
    ['one byte', { range: 'bytes=5-5' }, '5-5'],
    ['the rest', { range: 'bytes=90-' }, '90-99'],
    ['beyond the end', { range: 'bytes=90-1000' }, '90-99'],
    ['the last ones', { range: 'bytes=-10' }, '90-99'],
    ['more than there is from the end', { range: 'bytes=-1000' }, '0-99'],
    ['nothing from the end', { range: 'bytes=-0' }, 'unsatisfiable'],
    ['behind the end', { range: 'bytes=100-' }, 'unsatisfiable'],
    ['backwards', { range: 'bytes=9-5' }, 'whole'],
    ['no numbers', { range: 'bytes=-' }, 'whole'],
    ['several ranges', { range: 'bytes=0-1,5-6' }, 'whole'],
    ['another unit', { range: 'lines=0-1' }, 'whole'],
    ['a range if it is ours', { range: 'bytes=0-1', ifRange: etag }, '0-1'],
    ['a range if it is another', { range: 'bytes=0-1', ifRange: '"other"' }, 'whole'],
    ['a range if it is weakly ours', { range: 'bytes=0-1', ifRange: `W/${etag}` }, 'whole'],
  ];
  for (const [title, over, answer] of cases) test(title, () => assert.equal(told(over), answer));

  test('an empty file has no part', () => {
    assert.equal(told({ range: 'bytes=0-' }, 0), 'unsatisfiable');
    assert.equal(told({ range: 'bytes=-5' }, 0), 'unsatisfiable');
  });

  test('whatever is asked, a part lies inside the file', () => {
    const number = fc.oneof(fc.constant(''), fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String));
    fc.assert(
      fc.property(number, number, fc.nat(1_000), (from, to, size) => {
        const answer = answerFor({ ...none, range: `bytes=${from}-${to}` }, etag, size);
        if (answer.kind === 'part') assert.ok(answer.first >= 0 && answer.first <= answer.last && answer.last < size);
      }),
    );
  });
});
