import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { removalBuffer, removalLimit, removalsMayGo } from '../../../workers/pipeline/removal-guard.ts';

describe('I5: the removal guard', () => {
  const limits: readonly [number, number][] = [
    [0, 10],
    [10, 10],
    [1_000, 10],
    [1_099, 10],
    [1_100, 11],
    [50_000, 500],
    [100_000, 1_000],
    [10_000_000, 1_000],
  ];
  for (const [base, limit] of limits) {
    test(`of ${base} up to ${limit} go unasked, one more does not`, () => {
      assert.equal(removalLimit(base), limit);
      assert.equal(removalsMayGo(limit, base, 0), true);
      assert.equal(removalsMayGo(limit + 1, base, 0), false);
    });
  }

  test('a permission holds up to its number and takes nothing away', () => {
    assert.equal(removalsMayGo(5_000, 10_000, 5_000), true);
    assert.equal(removalsMayGo(5_001, 10_000, 5_000), false);
    assert.equal(removalsMayGo(10, 10_000, 3), true);
  });

  test('a pass never has to remember more than its buffer holds', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(20_000), (wanted, base, allowed) => {
        if (removalsMayGo(wanted, base, allowed)) assert.ok(wanted <= removalBuffer(allowed));
      }),
    );
  });
});
