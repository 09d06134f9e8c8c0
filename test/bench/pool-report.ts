// The pool's figures as people and programs read them.
import type { LoopKind } from './loops.ts';
import { type Measured, type PoolRun, rateOf } from './pool.ts';
import { percentile, rounded, sum } from './statistics.ts';

/** The keys are a contract: whoever compares runs reads them. Rates and CPU are totals over all rounds. */
export function poolFigures({ rounds, latencies, peakPssMb }: PoolRun) {
  const pool = total(rounds.map((round) => round.pool));
  const [pipeline, bare, naive] = (['pipeline', 'bare', 'naive'] as const).map((kind) =>
    total(rounds.map(({ loops }) => loops[kind])),
  ) as [Measured, Measured, Measured];
  const perImage = ({ cpuSeconds, images }: Measured) => rounded(cpuSeconds / images, 4);
  const committed = latencies.map(({ committedMs }) => committedMs);
  return {
    imagesPerSecond: rounded(rateOf(pool), 3),
    pipelineImagesPerSecond: rounded(rateOf(pipeline), 3),
    bareImagesPerSecond: rounded(rateOf(bare), 3),
    naiveImagesPerSecond: rounded(rateOf(naive), 3),
    ratioToPipeline: rounded(rateOf(pool) / rateOf(pipeline), 3),
    throughputRatio: rounded(rateOf(pool) / rateOf(bare), 3),
    cpuSecondsPerImage: perImage(pool),
    pipelineCpuSecondsPerImage: perImage(pipeline),
    bareCpuSecondsPerImage: perImage(bare),
    putToCommittedMsP50: rounded(percentile(committed, 0.5), 1),
    putToCommittedMsP99: rounded(percentile(committed, 0.99), 1),
    bareRenderMsP50: rounded(
      percentile(
        latencies.map(({ bareMs }) => bareMs),
        0.5,
      ),
      1,
    ),
    peakPssMB: rounded(peakPssMb, 0),
  };
}

export function poolTable(run: PoolRun, renderers: number): readonly string[] {
  const { rounds, latencies } = run;
  const figures = poolFigures(run);
  const row = (name: string, all: readonly Measured[]) => {
    const { images, seconds, cpuSeconds } = total(all);
    const rates = all.map((one) => rateOf(one).toFixed(2)).join(' ');
    return `${name.padEnd(14)}${(images / seconds).toFixed(2).padStart(9)}${(cpuSeconds / images).toFixed(4).padStart(15)}   ${rates}`;
  };
  const loop = (kind: LoopKind) => rounds.map(({ loops }) => loops[kind]);
  const pools = rounds.map(({ pool }) => pool);
  const images = sum(pools.map((pool) => pool.images));
  const perImageMs = (seconds: (pool: (typeof pools)[number]) => number) =>
    ((1_000 * sum(pools.map(seconds))) / images).toFixed(1);
  const ratios = rounds.map(({ pool, loops }) => rateOf(pool) / rateOf(loops.pipeline));
  const cpuRatio = figures.cpuSecondsPerImage / figures.pipelineCpuSecondsPerImage;
  const [p50, p99] = [0.5, 0.99].map((share) =>
    percentile(
      latencies.map(({ fromSendingMs }) => fromSendingMs),
      share,
    ).toFixed(1),
  );
  const ratioToBare = figures.putToCommittedMsP50 / figures.bareRenderMsP50;
  return [
    '',
    '               images/s   CPU s/image   images/s in each round',
    row('pool', pools),
    row('bare pipeline', loop('pipeline')),
    row('bare loop', loop('bare')),
    row('naive loop', loop('naive')),
    '',
    `pool to pipeline      ${figures.ratioToPipeline} (to reach: 0.96); median of the rounds ${percentile(ratios, 0.5).toFixed(3)}, from ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`,
    `CPU to pipeline's     ${cpuRatio.toFixed(3)} (at most 1.06); of the pool's, the processor itself took ${perImageMs((pool) => pool.processorCpuSeconds)} ms an image, its renderers the rest`,
    `pool to bare loop     ${figures.throughputRatio}`,
    `pool to naive loop    ${(figures.imagesPerSecond / figures.naiveImagesPerSecond).toFixed(2)} (to reach: 1.8)`,
    `renders per image     ${(sum(pools.map(({ attempts }) => attempts)) / images).toFixed(3)}`,
    `beside the pool       CPU ms an image: keeper ${perImageMs((pool) => pool.keeperCpuSeconds)}, MinIO ${perImageMs((pool) => pool.serverCpuSeconds.minio)}, NATS ${perImageMs((pool) => pool.serverCpuSeconds.nats)}, PostgreSQL ${perImageMs((pool) => pool.serverCpuSeconds.postgres)}`,
    `idle latency          from the PUT's answer to the outcome at a subscriber: p50 ${figures.putToCommittedMsP50} ms, p99 ${figures.putToCommittedMsP99} ms; from sending the PUT: p50 ${p50} ms, p99 ${p99} ms`,
    `                      the same pictures in the bare loop, one at a time, file to encoded: p50 ${figures.bareRenderMsP50} ms; ratio ${ratioToBare.toFixed(2)} (at most 1.3), difference ${(figures.putToCommittedMsP50 - figures.bareRenderMsP50).toFixed(1)} ms (at most 25 on a quiet machine)`,
    `peak PSS              ${figures.peakPssMB} MB, processor and renderers (at most ${150 + 130 * renderers} for ${renderers} renderers)`,
  ];
}

function total(all: readonly Measured[]): Measured {
  return {
    images: sum(all.map(({ images }) => images)),
    seconds: sum(all.map(({ seconds }) => seconds)),
    cpuSeconds: sum(all.map(({ cpuSeconds }) => cpuSeconds)),
  };
}
