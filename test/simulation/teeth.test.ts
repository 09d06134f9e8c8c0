// The simulation has teeth: each rule left out on purpose is caught by the listed seeds, which the pipeline as it is passes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromMacrotask } from './drain.ts';
import { LEFT_OUT, type Rule } from './left-out.ts';
import { simulate } from './simulate.ts';
import { TEETH } from './teeth.ts';

describe('each rule left out is caught by a listed seed', () => {
  for (const [rule, variant] of Object.entries(LEFT_OUT)) {
    test(rule, async () => {
      const seeds = TEETH[rule as Rule];
      assert.ok(seeds.length > 0, 'no seed is listed');
      for (const seed of seeds) {
        const [without, withRule] = await fromMacrotask(() => [simulate(seed, { variant }), simulate(seed)]);
        const search = 'if port calls changed, search anew: npm run -s simulate -- --find-teeth';
        assert.notEqual(without?.violation, null, `seed ${seed} does not notice that it is missing; ${search}`);
        assert.equal(withRule?.violation, null, `seed ${seed} fails with all rules in place`);
      }
    });
  }
});
