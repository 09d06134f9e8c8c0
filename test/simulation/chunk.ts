// One process's share of many schedules; prints one JSON line at its end. Started by `spread.ts`.
import { fromMacrotask } from './drain.ts';
import { simulate } from './simulate.ts';
import type { Chunk, ChunkResult } from './spread.ts';

const chunk = JSON.parse(process.argv[2] ?? '') as Chunk;
process.stdout.write(`${JSON.stringify(await fromMacrotask(() => run(chunk)))}\n`);

function run({ first, step, least, most, seconds }: Chunk): ChunkResult {
  const until = performance.now() + seconds * 1_000;
  const result = { schedules: 0, decisions: 0, commits: 0, renders: 0, handled: 0, longest: 0 };
  for (let seed = first; result.schedules < most; seed += step) {
    if (result.schedules >= least && performance.now() > until) break;
    const { violation, decisions, commits, renders, handled } = simulate(seed);
    result.schedules++;
    result.decisions += decisions;
    result.commits += commits;
    result.renders += renders;
    result.handled += handled;
    result.longest = Math.max(result.longest, decisions);
    if (violation !== null) return { ...result, broken: { seed, violation } };
  }
  return { ...result, broken: null };
}
