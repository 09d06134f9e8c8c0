// The pipeline on in-memory ports, through every kind of accident: as many schedules as the time allows, and the same ones every time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromMacrotask } from './drain.ts';
import { historyOf } from './history.ts';
import { simulate } from './simulate.ts';
import { spread } from './spread.ts';

const AT_LEAST = 10_000;
/** Of two processes; with less time only the obligatory ones are run. */
const SECONDS = Number(process.env['SIMULATION_SECONDS'] ?? '45');

test('I1–I5: the quiet state is exact, readers meet whole sets, every last revision is told', async (t) => {
  const { broken, ...counts } = await spread({
    firstSeed: 1,
    least: AT_LEAST,
    most: 1_000_000,
    seconds: SECONDS,
    processes: 2,
  });
  t.diagnostic(JSON.stringify(counts));
  if (broken !== null) {
    assert.fail(`seed ${broken.seed}: ${broken.violation}\n${await fromMacrotask(() => historyOf(broken.seed))}`);
  }
  assert.ok(counts.schedules >= AT_LEAST);
  assert.ok(counts.renders > counts.schedules / 2, 'schedules in which nothing is rendered prove nothing');
});

test('the same seed is the same history', async () => {
  for (const seed of [7, 11, 23]) {
    const [first, second] = await fromMacrotask(() => [historyOf(seed), historyOf(seed)]);
    assert.ok((first?.length ?? 0) > 1_000);
    assert.equal(first, second);
  }
});

test('a schedule leaves nothing behind: memory does not grow with their number', async () => {
  const gc = globalThis.gc ?? (await exposedGc());
  const used = (): number => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const run = (from: number): Promise<void> =>
    fromMacrotask(() => {
      for (let seed = from; seed < from + 300; seed++) simulate(seed);
    });
  await run(1);
  const before = used();
  await run(301);
  await run(601);
  const grownBy = used() - before;
  // One schedule kept alive is about 0.1 MB; compiled code and the collector's moods are a few megabytes in all.
  assert.ok(grownBy < 20_000_000, `600 schedules kept ${grownBy} bytes`);
});

async function exposedGc(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')]);
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
