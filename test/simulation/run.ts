// npm run -s simulate -- --schedules N --seed S: runs N schedules from seed S on and prints the history of the first that breaks a rule.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { fromMacrotask } from './drain.ts';
import { findTeeth } from './find-teeth.ts';
import { historyOf } from './history.ts';
import { LEFT_OUT, type Rule } from './left-out.ts';
import { spread } from './spread.ts';

const USAGE = `npm run -s simulate -- [--schedules N] [--seed S] [--processes P]   many schedules, from seed S on
npm run -s simulate -- --history [--seed S] [--without RULE] [--whole]   what happens in one of them
npm run -s simulate -- --find-teeth                                      seeds for teeth.ts
rules: ${Object.keys(LEFT_OUT).join(', ')}
`;

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    history: { type: 'boolean', default: false },
    without: { type: 'string' },
    whole: { type: 'boolean', default: false },
    'find-teeth': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(USAGE);
else if (values.history) await printHistory();
else if (values['find-teeth']) await fromMacrotask(() => findTeeth((line) => process.stdout.write(`${line}\n`)));
else await runMany();

async function printHistory(): Promise<void> {
  const variant = values.without === undefined ? undefined : LEFT_OUT[values.without as Rule];
  process.stdout.write(`${await fromMacrotask(() => historyOf(Number(values.seed), variant, values.whole))}\n`);
}

async function runMany(): Promise<void> {
  const schedules = Number(values.schedules);
  const startedAtMs = performance.now();
  const result = await spread({
    firstSeed: Number(values.seed),
    least: schedules,
    most: schedules,
    seconds: 0,
    processes: Number(values.processes),
  });
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const { broken, ...counts } = result;
  if (broken !== null) {
    process.stdout.write(`${await fromMacrotask(() => historyOf(broken.seed))}\n`);
    process.stdout.write(`seed ${broken.seed}: ${broken.violation}\n`);
    process.exitCode = 1;
  }
  process.stdout.write(`${JSON.stringify({ ...counts, seconds: Math.round(seconds), broken })}\n`);
}
