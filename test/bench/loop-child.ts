// Entry of a loop's process: a setup, then orders, each answered with what it took.
import sharp from 'sharp';
import { createBareLoop } from './bare-loop.ts';
import type { LoopOrder, LoopResult, LoopSetup } from './loops.ts';
import { createNaiveLoop } from './naive-loop.ts';
import { createPipelineLoop } from './pipeline-loop.ts';

export type Work = (order: LoopOrder) => Promise<void>;

process.once('message', (setup: LoopSetup) => void serve(setup));
process.once('disconnect', () => process.exit());

async function serve(setup: LoopSetup): Promise<void> {
  sharp.concurrency(1);
  const work = await open(setup);
  process.on('message', (order: LoopOrder) => {
    void measure(work, order).then((result) => process.send?.(result));
  });
  process.send?.({ ready: true });
}

function open(setup: LoopSetup): Work | Promise<Work> {
  switch (setup.kind) {
    case 'pipeline':
      return createPipelineLoop(setup);
    case 'bare':
      return createBareLoop(setup);
    case 'naive':
      return createNaiveLoop(setup);
  }
}

async function measure(work: Work, order: LoopOrder): Promise<LoopResult> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await work(order);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}
