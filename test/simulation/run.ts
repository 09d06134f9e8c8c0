// npm run -s simulate -- --schedules N --seed S: runs N schedules from seed S on; prints the first that breaks a rule with its history.
import { parseArgs } from 'node:util';
import { fromMacrotask } from './drain.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});
const schedules = Number(values.schedules);
const firstSeed = Number(values.seed);
await fromMacrotask(() => {
  const t = performance.now();
  let decisions = 0, commits = 0, renders = 0, handled = 0, longest = 0;
  const bad = new Map<string, number[]>();
  for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
    const r = simulate(seed, values.trace ? { trace: (line) => console.log(line) } : {});
    decisions += r.decisions; commits += r.commits; renders += r.renders; handled += r.handled; longest = Math.max(longest, r.decisions);
    if (r.violation !== null) bad.set(r.violation, [...(bad.get(r.violation) ?? []), seed]);
  }
  const s = (performance.now() - t) / 1000;
  console.log({ schedules, s, perSecond: schedules / s, decisions: decisions / schedules, commits: commits / schedules, renders: renders/schedules, handled: handled/schedules, longest });
  for (const [v, seeds] of bad) console.log(seeds.length, v, seeds.slice(0, 8).join(' '));
});
