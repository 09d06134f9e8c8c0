// The pictures of the demo and of the benchmarks: the same for the same seed, and as heavy as photographs.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { makeSamplePicture, type SampleSpec } from '../../../workers/imaging/sample-picture.ts';
import { makeSamples } from '../../../workers/imaging/samples.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { makeCorpus, planCorpus } from '../../bench/corpus.ts';

const SPEC: SampleSpec = { megapixels: 0.5, kind: 'jpeg', profile: 'srgb', orientation: 1, seed: 1 };

async function inFolder(use: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-samples-'));
  try {
    await use(path);
  } finally {
    await rm(path, { recursive: true });
  }
}

test('a specification makes the same bytes each time, another seed makes others', async () => {
  const [first, again, other] = await Promise.all([SPEC, SPEC, { ...SPEC, seed: 2 }].map(makeSamplePicture));
  assert.ok(first && again && other);
  assert.ok(first.bytes.equals(again.bytes));
  assert.ok(!first.bytes.equals(other.bytes));
});

test('each kind is what it says', async () => {
  const kinds = [
    [
      { kind: 'jpeg', profile: 'p3', orientation: 6 },
      { format: 'jpeg', hasProfile: true, orientation: 6, isProgressive: false },
    ],
    [{ kind: 'progressive-jpeg' }, { format: 'jpeg', hasProfile: false, orientation: 1, isProgressive: true }],
    [{ kind: 'png-alpha' }, { format: 'png', hasAlpha: true }],
    [{ kind: 'webp' }, { format: 'webp', hasAlpha: false }],
  ] as const;
  for (const [more, expected] of kinds) {
    const header = await sharp((await makeSamplePicture({ ...SPEC, ...more })).bytes).metadata();
    assert.deepEqual({ ...header, ...expected }, header);
    assert.ok(header.exif !== undefined);
  }
});

test('12 MP weigh what a photograph of a camera weighs, as source and as rendition', async () => {
  const { bytes } = await makeSamplePicture({ ...SPEC, megapixels: 12 });
  assert.ok(bytes.length > 2_000_000 && bytes.length < 3_600_000, String(bytes.length));
  const rendition = await sharp(bytes).resize(1600).webp({ quality: 80, effort: 4 }).toBuffer();
  assert.ok(rendition.length > 90_000 && rendition.length < 220_000, String(rendition.length));
});

test('the demo gets its samples from a child', async () => {
  await inFolder(async (path) => {
    const samples = await makeSamples(path, 1);
    assert.deepEqual(samples, [{ file: 'sample-1.jpg', contentType: 'image/jpeg' }]);
    assert.deepEqual(await readdir(path), ['sample-1.jpg']);
    assert.equal((await sharp(await readFile(join(path, 'sample-1.jpg'))).metadata()).width, 4000);
    await assert.rejects(makeSamples(join(path, 'missing'), 1), (error) => isAppError(error, 'SAMPLES_FAILED'));
  });
});

test('the corpus is planned by its seed and found again', async () => {
  assert.deepEqual(planCorpus(40, 7), planCorpus(40, 7));
  assert.notDeepEqual(planCorpus(40, 7), planCorpus(40, 8));
  const kinds = new Set(planCorpus(40, 7).map(({ kind, profile }) => `${kind} ${profile}`));
  assert.ok(
    kinds.isSupersetOf(new Set(['jpeg srgb', 'jpeg p3', 'progressive-jpeg srgb', 'png-alpha srgb', 'webp srgb'])),
  );
  await inFolder(async (path) => {
    const made = await makeCorpus(path, { count: 2, seed: 40, concurrency: 2 });
    const before = await readFile(join(path, made[0]?.file ?? ''));
    assert.deepEqual(await makeCorpus(path, { count: 2, seed: 40 }), made);
    assert.deepEqual(await readFile(join(path, made[0]?.file ?? '')), before);
    assert.equal(before.length, made[0]?.bytes);
  });
});
