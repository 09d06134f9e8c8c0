// The guard of I5: one pass may remove a few things by itself; a loss that looks like an accident waits until it is told.

const SMALL = 10;
const SHARE = 0.01;
const MOST = 1_000;

/** How many of `base` one pass may remove unasked. */
export function removalLimit(base: number): number {
  return Math.min(MOST, Math.max(SMALL, Math.floor(base * SHARE)));
}

/** Removed are all or none. `allowed`: the number up to which the operator has said yes, 0 where nobody was asked. */
export function removalsMayGo(wanted: number, base: number, allowed: number): boolean {
  return wanted <= Math.max(removalLimit(base), allowed);
}

/** The most that any base and this permission let go: a pass that found one more need not remember which. */
export function removalBuffer(allowed: number): number {
  return Math.max(MOST, allowed);
}
