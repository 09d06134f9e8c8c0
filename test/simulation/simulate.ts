// One schedule from its seed: a stormy part, then everything is healed and runs to its end, then the state must be exact.
import { runSweep } from './actors/sweeper.ts';
import { expectedState, quietTrouble } from './checks.ts';
import { plannedSubject } from '../../workers/model/subjects.ts';
import { type Fault, type Pool, startPool } from './pool.ts';
import { CORRECT, GRACE_MS, type Variant } from './variant.ts';
import { BUCKET, createWorld, STORE, type World } from './world.ts';

export interface Simulated {
  readonly seed: number;
  /** Null: every rule held. */
  readonly violation: string | null;
  readonly decisions: number;
  readonly commits: number;
  readonly renders: number;
  readonly handled: number;
}

export interface SimulateOptions {
  readonly variant?: Variant;
  readonly trace?: (line: string) => void;
}

/** More decisions than this and it is going round in circles. The longest of 100,000 schedules took 38,000. */
const MOST_DECISIONS = 60_000;

/** Must be called from a macrotask, see `fromMacrotask`. */
export function simulate(seed: number, { variant = CORRECT, trace }: SimulateOptions = {}): Simulated {
  const world = createWorld({ seed, variant, trace });
  const pool = startPool(world);
  storm(world, pool);
  if (world.violation() === null) calm(world, pool);
  const { commits, renders, handled } = world.history;
  return { seed, violation: world.violation(), decisions: world.scheduler.decisions(), commits, renders, handled };
}

function storm(world: World, pool: Pool): void {
  const { scheduler, profile } = world;
  const { random } = scheduler;
  const horizon = 60 + 60 * profile.changes;
  const script = new Map<number, Fault[]>();
  function put(at: number, fault: Fault): void {
    script.set(at, [...(script.get(at) ?? []), fault]);
  }
  function plan(fault: Fault, count: number): void {
    for (let n = 0; n < count; n++) put(random.below(horizon), fault);
  }
  plan('crash', profile.crashes);
  plan('stop', profile.stops);
  plan('restart', profile.restarts);
  plan('keeper-crash', profile.crashes > 1 ? 1 : 0);
  plan('replay', profile.replays);
  plan('sweep', profile.sweeps);
  plan('trouble', Number(profile.trouble));
  plan('reconfigure', Number(profile.reconfigured));

  for (let at = 0; at < horizon || !pool.uploaded(); at++) {
    for (const fault of script.get(at) ?? []) {
      if (fault === 'stop' && profile.ambush && !pool.rendering() && at < horizon) put(at + 1 + random.below(8), fault);
      else pool.befall(fault);
    }
    if (!scheduler.step() && pool.uploaded()) break;
    if (given(world)) return;
  }
}

function calm(world: World, pool: Pool): void {
  const { scheduler, profile } = world;
  scheduler.trace(() => '─── the weather clears ───');
  world.endFaults();
  pool.heal();
  exhaust(world);

  // A sweep is owed where events were lost or a consumer was made anew, and is how a new configuration reaches what stands.
  const sweepNeeded = profile.eventLost > 0 || profile.replays > 0 || profile.reconfigured;
  if (sweepNeeded) sweepOnce(world);
  for (let round = 0; round < 2 && owed(world); round++) sweepOnce(world);
  retryWhatIsDue(world);

  for (let round = 0; round < 2; round++) {
    scheduler.leap(2 * GRACE_MS);
    for (const keeper of pool.keepers()) void keeper.round();
    exhaust(world);
  }
  if (world.violation() !== null) return;
  const trouble = quietTrouble(world);
  if (trouble !== null) world.violate(`quiet: ${trouble}`);
}

function sweepOnce(world: World): void {
  void runSweep(world);
  exhaust(world);
}

function owed(world: World): boolean {
  return world.index.owed(STORE, BUCKET).length > 0;
}

/** What the planner will do: a picture that only bad luck had refused is tried again when its time has come. */
function retryWhatIsDue(world: World): void {
  for (const ref of world.refs) {
    const row = world.index.index.row(ref);
    if (row?.refusal?.retryAtMs == null || expectedState(ref, world.objects.current(ref)) !== 'committed') continue;
    world.scheduler.leap(Math.max(0, row.refusal.retryAtMs - world.scheduler.now()) + 1);
    const item = { v: 1, ref, reason: 'retry' } as const;
    world.planned.publish(plannedSubject(row.tier, 'urgent', 'retry'), item, `retry-${ref.key}-${row.revision}`);
    exhaust(world);
  }
}

function exhaust(world: World): void {
  while (world.violation() === null && world.scheduler.step()) {
    if (given(world)) return;
  }
}

function given(world: World): boolean {
  if (world.scheduler.decisions() > MOST_DECISIONS) world.violate('it does not become quiet');
  return world.violation() !== null;
}
