// Runs one seed again and tells what happened in it.
import { simulate } from './simulate.ts';
import { CORRECT, type Variant } from './variant.ts';

/** Must be called from a macrotask, see `fromMacrotask`. Without the many steps of the keepers, readers and timers unless `whole`. */
export function historyOf(seed: number, variant: Variant = CORRECT, whole = false): string {
  const lines: string[] = [];
  simulate(seed, { variant, trace: (line) => lines.push(line) });
  return lines.filter((line) => whole || !/ {2}(keeper|reader|user: sleep)|: interval answered$/.test(line)).join('\n');
}
