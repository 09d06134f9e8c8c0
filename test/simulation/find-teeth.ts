// Looks for seeds that catch each rule when it is left out, for the table in teeth.ts: needed anew whenever the pipeline's port calls change.
import { LEFT_OUT } from './left-out.ts';
import { simulate } from './simulate.ts';

const WANTED = 2;
const FARTHEST_SEED = 100_000;

export function findTeeth(print: (line: string) => void): void {
  for (const [rule, variant] of Object.entries(LEFT_OUT)) {
    const seeds: number[] = [];
    for (let seed = 1; seeds.length < WANTED && seed <= FARTHEST_SEED; seed++) {
      if (simulate(seed, { variant }).violation !== null && simulate(seed).violation === null) seeds.push(seed);
    }
    print(`  ${/^[a-z]+$/i.test(rule) ? rule : `'${rule}'`}: [${seeds.join(', ')}],`);
  }
}
