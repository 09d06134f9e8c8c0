// What one schedule is like, drawn from its seed. Schedules differ on purpose: one that has every fault at once hides as much as one that has none.
import type { Random } from './random.ts';
import type { Weather } from './scheduler.ts';
import type { RenderFate } from './twins/memory-renderers.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export interface Profile {
  readonly objects: number;
  readonly changes: number;
  /** That a change of what is there is its removal. */
  readonly removals: number;
  /** Longest pause of the uploader between two changes. */
  readonly pauseMs: number;
  /** The uploader waits for a render to be under way before it changes something. */
  readonly ambush: boolean;
  readonly hosts: number;
  readonly tiers: number;
  readonly processorsPerHost: number;
  readonly lookSlots: number;
  readonly renderSlots: number;
  readonly versioned: boolean;
  /** That the live copy of a notification is lost; the journal's comes late. */
  readonly liveLost: number;
  /** That the journal's copy is lost, where the live one was not. */
  readonly journalLost: number;
  readonly journalLatestMs: number;
  /** That both copies are lost: only a sweep finds the change. */
  readonly eventLost: number;
  readonly weather: Weather;
  readonly fate: RenderFate;
  /** Crashes, stops and the like: how many, over the first decisions. */
  readonly crashes: number;
  readonly stops: number;
  readonly restarts: number;
  readonly stopLongestMs: number;
  /** That a processor dies just after it was continued. */
  readonly diesAfterStop: number;
  /** That the renderers of a crashed processor write on for a while. */
  readonly linger: number;
  readonly replays: number;
  readonly keeperDead: boolean;
  readonly sweeps: number;
  /** The bucket loses its tag for a while. */
  readonly trouble: boolean;
  /** The presets change in mid-run. */
  readonly reconfigured: boolean;
  readonly readers: number;
}

export function drawProfile(random: Random): Profile {
  const drawn = drawAny(random);
  return random.chance(0.15) ? { ...drawn, ...STALLED } : drawn;
}

/** Processors that stand still past their leases in mid-render and then go on, or die: what the fences are for comes about nowhere else. */
const STALLED = {
  objects: 1,
  changes: 2,
  removals: 0.7,
  processorsPerHost: 2,
  pauseMs: 300,
  ambush: true,
  liveLost: 0,
  journalLost: 1,
  eventLost: 0,
  crashes: 0,
  stops: 4,
  restarts: 0,
  diesAfterStop: 0.6,
  replays: 0,
  sweeps: 0,
  keeperDead: false,
  trouble: false,
  reconfigured: false,
} satisfies Partial<Profile>;

function drawAny(random: Random): Profile {
  const { pick, chance, between } = random;
  const rough = <T>(calm: T, ...rougher: T[]): T => (chance(0.5) ? calm : pick(rougher));
  return {
    objects: pick([1, 1, 1, 2, 2, 3]),
    changes: between(2, 7),
    removals: 0.3,
    pauseMs: pick([0, 20, 300, 5 * SECOND, 90 * SECOND]),
    ambush: chance(0.5),
    hosts: pick([1, 1, 2]),
    tiers: pick([1, 1, 1, 2]),
    processorsPerHost: pick([1, 1, 2]),
    lookSlots: between(1, 3),
    renderSlots: between(1, 2),
    versioned: chance(0.15),
    liveLost: pick([0, 0, 0.3, 1]),
    journalLost: pick([0, 0, 0.5, 1]),
    journalLatestMs: pick([20, 3 * SECOND, 3 * SECOND, MINUTE, 20 * MINUTE]),
    eventLost: rough(0, 0, 0.2),
    weather: {
      refused: rough(0, 0.01, 0.05),
      late: rough(0, 0.01, 0.05),
      latestMs: pick([SECOND, 40 * SECOND, 3 * MINUTE, 15 * MINUTE]),
      leap: rough(0, 0.003, 0.015),
      leapMs: pick([5 * SECOND, MINUTE, 12 * MINUTE]),
    },
    fate: {
      dies: rough(0, 0.02, 0.1),
      hangs: rough(0, 0, 0.02),
      volumeRefuses: rough(0, 0, 0.03),
      sourceRefuses: rough(0, 0, 0.05),
    },
    crashes: rough(1, 0, 2, 4),
    stops: rough(0, 1, 2, 4),
    restarts: rough(0, 0, 1),
    stopLongestMs: pick([20 * SECOND, 3 * MINUTE, 25 * MINUTE]),
    diesAfterStop: pick([0, 0.3]),
    linger: pick([0, 0.5, 1]),
    replays: rough(0, 0, 1),
    keeperDead: chance(0.2),
    sweeps: rough(0, 1, 2),
    trouble: chance(0.08),
    reconfigured: chance(0.1),
    readers: pick([0, 1, 1, 2]),
  };
}
