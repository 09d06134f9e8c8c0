// Whether twice the processors do twice the work, where cores are no limit: 1, 2 and 4 processors whose renders only sleep.
import { join } from 'node:path';
import { eachInFlight } from './in-flight.ts';
import { cpuSecondsOf } from './process-cost.ts';
import { rounded, sum } from './statistics.ts';
import { startWorld, type World } from './world.ts';

export interface ScaleOptions {
  /** For each processor. */
  readonly imagesEach: number;
  /** Of each processor. */
  readonly renderers: number;
  readonly sleepMs: number;
  readonly say: (line: string) => void;
}

export interface ScaleRun {
  readonly processors: number;
  readonly imagesPerSecond: number;
  /** What sleeping alone would allow. */
  readonly ceiling: number;
  /** Of the processors themselves; the sleepers cost nothing. */
  readonly cpuMsPerImage: number;
  /** 1 where no render is thrown away. */
  readonly rendersPerImage: number;
}

const PROCESSORS = [1, 2, 4];
const UPLOADS = 16;

export async function measureScale(options: ScaleOptions): Promise<readonly ScaleRun[]> {
  const { renderers, sleepMs, say } = options;
  await using world = await startWorld({
    renderers,
    processorEntry: [join(import.meta.dirname, 'sleeping-processor.ts'), String(sleepMs)],
  });
  const pids: number[] = [];
  const runs: ScaleRun[] = [];
  for (const processors of PROCESSORS) {
    while (pids.length < processors) pids.push((await world.startProcessor(pids.length + 1)).pid);
    await warmUp(world, processors, renderers);
    const images = options.imagesEach * processors;
    await world.pause();
    const keys = await uploadAll(world, `of-${processors}`, images);
    await world.twinsArrived();
    const cpuBefore = sum(pids.map(cpuSecondsOf));
    const attemptsBefore = await world.attempts();
    const startedMs = await world.resume();
    const seconds = ((await world.allCommitted(keys)) - startedMs) / 1_000;
    await world.quiet();
    const cpuSeconds = sum(pids.map(cpuSecondsOf)) - cpuBefore;
    const ceiling = (processors * renderers * 1_000) / sleepMs;
    const rendersPerImage = ((await world.attempts()) - attemptsBefore) / images;
    const run = {
      rendersPerImage,
      processors,
      imagesPerSecond: images / seconds,
      ceiling,
      cpuMsPerImage: (1_000 * cpuSeconds) / images,
    };
    say(`${processors} processors: ${images} renders in ${seconds.toFixed(2)} s`);
    runs.push(run);
  }
  return runs;
}

/** Until every processor pulls and its renderers have begun to. */
async function warmUp(world: World, processors: number, renderers: number): Promise<void> {
  await world.pulling(processors);
  await world.pause();
  const keys = await uploadAll(world, `warm-up-${processors}`, 2 * renderers * processors);
  await world.resume();
  await world.allCommitted(keys);
}

async function uploadAll(world: World, prefix: string, count: number): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, at) => `${prefix}/${String(at).padStart(5, '0')}.jpg`);
  await eachInFlight(keys, UPLOADS, (key) => world.put(key, Buffer.from(key), 'image/jpeg'));
  return keys;
}

/** `linear`: the rate as a share of the same number of single processors. */
export function scaleFigures(runs: readonly ScaleRun[]) {
  const one = runs[0]?.imagesPerSecond ?? 0;
  return {
    runs: runs.map(({ processors, imagesPerSecond, ceiling, cpuMsPerImage, rendersPerImage }) => ({
      processors,
      imagesPerSecond: rounded(imagesPerSecond, 2),
      ceiling: rounded(ceiling, 2),
      linear: rounded(imagesPerSecond / (one * processors), 3),
      cpuMsPerImage: rounded(cpuMsPerImage, 2),
      rendersPerImage: rounded(rendersPerImage, 3),
    })),
  };
}

export function scaleTable(runs: readonly ScaleRun[]): readonly string[] {
  return [
    '',
    'processors   images/s   if only the sleep counted   share of linear   CPU ms an image   renders an image',
    ...scaleFigures(runs).runs.map(
      ({ processors, imagesPerSecond, ceiling, linear, cpuMsPerImage, rendersPerImage }) =>
        `${String(processors).padStart(10)}${imagesPerSecond.toFixed(2).padStart(11)}${ceiling.toFixed(1).padStart(28)}${linear.toFixed(3).padStart(18)}${cpuMsPerImage.toFixed(2).padStart(18)}${rendersPerImage.toFixed(3).padStart(19)}`,
    ),
  ];
}
