import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { makeSamplePicture } from '../../workers/imaging/sample-picture.ts';
import { assertNoChildren, tempDir } from '../harness/servers.ts';
import { planCorpus } from './corpus.ts';

const RUN = join(import.meta.dirname, 'run.ts');

after(assertNoChildren);

async function bench(...args: readonly string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, [RUN, ...args, '--json'], { timeout: 120_000 });
  const lines = stdout.trimEnd().split('\n');
  return { lines, figures: JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

/** As an operator's own pictures would lie there. */
async function paintSmall(directory: string): Promise<void> {
  const kinds = ['jpeg', 'progressive-jpeg', 'png-alpha', 'webp'] as const;
  for (const [seed, kind] of kinds.entries()) {
    const { bytes, extension } = await makeSamplePicture({
      megapixels: 0.1,
      kind,
      profile: 'srgb',
      orientation: 6,
      seed,
    });
    await writeFile(join(directory, `${kind}.${extension}`), bytes);
  }
}

test('a corpus of twenty has every kind of picture that comes in, and is the same for the same seed', () => {
  const specs = planCorpus(20, 1);
  assert.deepEqual(planCorpus(20, 1), specs);
  const count = (kind: string) => specs.filter((spec) => spec.kind === kind).length;
  assert.deepEqual(['jpeg', 'progressive-jpeg', 'png-alpha', 'webp'].map(count), [15, 2, 1, 2]);
  assert.equal(specs.filter(({ profile }) => profile === 'p3').length, 4);
  assert.ok(specs.some(({ orientation }) => orientation > 1));
});

// Side by side: most of the time both wait for MinIO's journal.
suite('bench', { concurrency: true }, () => {
  test('bench pool measures all four ways on the same pictures and ends with its figures', {
    concurrency: true,
  }, async () => {
    await using corpus = await tempDir();
    await paintSmall(corpus.path);
    const args = ['--corpus', corpus.path, '--images', '4', '--rounds', '1', '--latency', '2', '--renderers', '2'];
    const { lines, figures } = await bench('pool', ...args, '--warm-up', '8');
    assert.deepEqual(Object.keys(figures), [
      'imagesPerSecond',
      'pipelineImagesPerSecond',
      'bareImagesPerSecond',
      'naiveImagesPerSecond',
      'ratioToPipeline',
      'throughputRatio',
      'cpuSecondsPerImage',
      'pipelineCpuSecondsPerImage',
      'bareCpuSecondsPerImage',
      'putToCommittedMsP50',
      'putToCommittedMsP99',
      'bareRenderMsP50',
      'peakPssMB',
    ]);
    for (const [name, value] of Object.entries(figures)) assert.ok(Number(value) > 0, `${name} is ${String(value)}`);
    assert.ok(
      lines.some((line) => line.startsWith('corpus      4 pictures that were there')),
      'says what was rendered',
    );
    assert.ok(
      lines.some((line) => /^durability .*always.*fsync on.*synchronous_commit on/.test(line)),
      'nothing is faster than it is safe',
    );
  });

  test('bench scale measures one, two and four processors', async () => {
    const { figures } = await bench('scale', '--images', '8', '--renderers', '2', '--sleep-ms', '50');
    const runs = figures['runs'] as readonly Record<string, number>[];
    assert.deepEqual(
      runs.map(({ processors }) => processors),
      [1, 2, 4],
    );
    for (const run of runs) assert.ok((run['imagesPerSecond'] ?? 0) > 0, JSON.stringify(run));
  });
});
