import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { coverSquare, planLevels } from '../../../workers/imaging/levels.ts';
import type { Preset } from '../../../workers/model/preset.ts';

const preset = (name: string, longSidePx: number, fit: Preset['fit'] = 'inside'): Preset => ({
  name,
  longSidePx,
  fit,
  format: 'webp',
  quality: 80,
  effort: 2,
});

const sizes = (source: { width: number; height: number }, ...presets: Preset[]) =>
  planLevels(source, presets).map(({ width, height, presets }) => [
    width,
    height,
    presets.map(({ name }) => name).join(),
  ]);

test('the largest comes first and each size stands once', () => {
  assert.deepEqual(
    sizes(
      { width: 4000, height: 3000 },
      preset('thumb', 160),
      preset('large', 1600),
      preset('hero', 1600),
      preset('medium', 640),
    ),
    [
      [1600, 1200, 'large,hero'],
      [640, 480, 'medium'],
      [160, 120, 'thumb'],
    ],
  );
});

test('sizes are rounded from the source, not from the level above', () => {
  assert.deepEqual(sizes({ width: 4000, height: 2667 }, preset('a', 1600), preset('b', 640)), [
    [1600, 1067, 'a'],
    [640, 427, 'b'],
  ]);
});

test('nothing is enlarged, and everything larger than the source shares its size', () => {
  assert.deepEqual(
    sizes({ width: 300, height: 200 }, preset('large', 1600), preset('medium', 640), preset('thumb', 160)),
    [
      [300, 200, 'large,medium'],
      [160, 107, 'thumb'],
    ],
  );
});

test('a cover preset needs its short side, so it may come from a larger level than an inside preset of the same size', () => {
  const levels = planLevels({ width: 4000, height: 1000 }, [preset('square', 500, 'cover'), preset('inside', 500)]);
  assert.deepEqual(
    levels.map(({ width, height }) => [width, height]),
    [
      [2000, 500],
      [500, 125],
    ],
  );
  const [first] = levels;
  assert.ok(first);
  assert.deepEqual(coverSquare(first, preset('square', 500, 'cover')), { left: 750, top: 0, width: 500, height: 500 });
});

test('a cover preset larger than the source cuts the largest square there is', () => {
  assert.deepEqual(coverSquare({ width: 500, height: 300 }, preset('square', 640, 'cover')), {
    left: 100,
    top: 0,
    width: 300,
    height: 300,
  });
});

test('no side is ever 0, whatever the shape', () => {
  const side = fc.integer({ min: 1, max: 60_000 });
  const presets = fc.array(
    fc.record({ px: fc.integer({ min: 1, max: 4000 }), fit: fc.constantFrom<Preset['fit']>('inside', 'cover') }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(side, side, presets, (width, height, wanted) => {
      for (const level of planLevels(
        { width, height },
        wanted.map(({ px, fit }, at) => preset(String(at), px, fit)),
      )) {
        assert.ok(level.width >= 1 && level.height >= 1 && level.width <= width && level.height <= height);
        for (const each of level.presets) {
          if (each.fit === 'inside') assert.ok(Math.max(level.width, level.height) <= Math.max(each.longSidePx, 1));
          else {
            const square = coverSquare(level, each);
            assert.equal(square.width, Math.min(each.longSidePx, width, height));
            assert.ok(
              square.left >= 0 &&
                square.left + square.width <= level.width &&
                square.top + square.height <= level.height,
            );
          }
        }
      }
    }),
  );
});
