// npm run -s bench -- pool|scale: what the pool does on this machine, beside what would be possible. The last line is JSON.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coreCount } from '../../workers/imaging/cores.ts';
import { composition, openCorpus } from './corpus.ts';
import { loadText, machineLines, versionLines } from './machine.ts';
import { measurePool } from './pool.ts';
import { poolFigures, poolTable } from './pool-report.ts';
import { measureScale, scaleFigures, scaleTable } from './scale.ts';

const USAGE = `Usage: npm run -s bench -- pool [--corpus DIR] [--images N] [--rounds N] [--latency N] [--renderers N] [--warm-up N] [--json]
       npm run -s bench -- scale [--images N] [--renderers N] [--sleep-ms N] [--json]

pool   images a second, CPU, memory and idle latency of the pool beside a bare pipeline, a bare loop and a naive loop
       --corpus DIR     pictures; painted there where it is empty, else the JPEG, PNG and WebP files in it are used
       --images N       pictures a round (60)          --rounds N      rounds (3)
       --latency N      pictures put one at a time (24)   --renderers N   renderers, and pictures in flight of the loops (cores)
       --warm-up N      small pictures rendered first (300)
scale  images a second of 1, 2 and 4 processors whose renders only sleep
       --images N       pictures for each processor (120)   --renderers N   of each processor (4)   --sleep-ms N   (200)
--json  prints the figures as the last line`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    corpus: { type: 'string' },
    images: { type: 'string' },
    rounds: { type: 'string' },
    renderers: { type: 'string' },
    latency: { type: 'string' },
    'warm-up': { type: 'string' },
    'sleep-ms': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string) => console.log(line);
const command = values.help ? 'help' : positionals.join(' ');
if (command === 'pool') await pool();
else if (command === 'scale') await scale();
else {
  say(USAGE);
  process.exitCode = command === 'help' ? 0 : 2;
}

async function pool(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('bench pool reads /proc: it runs on Linux only');
  await using own = values.corpus === undefined ? await temporary() : undefined;
  const folder = values.corpus ?? own?.path ?? '';
  const images = count('images', 60);
  const renderers = count('renderers', coreCount());
  for (const line of await machineLines()) say(line);
  const pictures = await openCorpus(folder, { count: images, seed: 1 });
  const batch = Array.from({ length: images }, (_, at) => pictures[at % pictures.length]).filter(
    (one) => one !== undefined,
  );
  for (const line of composition(batch)) say(line);
  const run = await measurePool(
    {
      pictures: batch,
      rounds: count('rounds', 3),
      renderers,
      latencyPictures: count('latency', 24),
      warmUps: count('warm-up', 300),
      say,
    },
    async (world) => {
      for (const line of await versionLines(world)) say(line);
    },
  );
  for (const line of poolTable(run, renderers)) say(line);
  say(`load          ${loadText()} at the end`);
  if (values.json) say(JSON.stringify(poolFigures(run)));
}

async function scale(): Promise<void> {
  for (const line of await machineLines()) say(line);
  const runs = await measureScale({
    imagesEach: count('images', 120),
    renderers: count('renderers', 4),
    sleepMs: count('sleep-ms', 200),
    say,
  });
  for (const line of scaleTable(runs)) say(line);
  say(`load          ${loadText()} at the end`);
  if (values.json) say(JSON.stringify(scaleFigures(runs)));
}

function count(
  name: 'images' | 'rounds' | 'renderers' | 'latency' | 'warm-up' | 'sleep-ms',
  otherwise: number,
): number {
  const value = Number(values[name] ?? otherwise);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a whole number above 0, not ${values[name]}`);
}

async function temporary() {
  const path = await mkdtemp(join(tmpdir(), 'millrace-corpus-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
