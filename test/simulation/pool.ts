// The simulated pool as its operator sees it: processors and keepers that crash, are stopped and start again.
import { type Keeper, startKeeper } from './actors/keeper.ts';
import { type Processor, startProcessor } from './actors/processor.ts';
import { startReader } from './actors/reader.ts';
import { runSweep } from './actors/sweeper.ts';
import { startUploader } from './actors/uploader.ts';
import type { Process } from './scheduler.ts';
import type { World } from './world.ts';

export type Fault = 'crash' | 'stop' | 'restart' | 'keeper-crash' | 'replay' | 'sweep' | 'trouble' | 'reconfigure';

export interface Pool {
  uploaded(): boolean;
  befall(fault: Fault): void;
  /** Whether any processor is in the middle of a render. */
  rendering(): boolean;
  /** Everybody runs again, with the present configuration. */
  heal(): void;
  keepers(): readonly Keeper[];
}

const RESTART_LATEST_MS = 20_000;

export function startPool(world: World): Pool {
  const { scheduler, profile } = world;
  const { random } = scheduler;
  const members = world.hosts.flatMap((host) =>
    Array.from({ length: profile.processorsPerHost }, (_, n) =>
      member(`processor-${host.name.slice(-1)}${n + 1}`, (name) => startProcessor(world, host, name)),
    ),
  );
  const keepers = world.hosts.flatMap(({ volumes }) =>
    volumes.map((volume) => member(`keeper-of-${volume.volumeId}`, (name) => startKeeper(world, volume, name))),
  );
  if (profile.keeperDead) for (const { current } of keepers) scheduler.kill(current().process);
  const uploader = startUploader(world);
  for (let n = 1; n <= profile.readers; n++) startReader(world, `reader-${n}`);

  function crash(victim: Member<Processor>): void {
    if (!victim.current().process.alive) return;
    const linger = random.chance(profile.linger);
    scheduler.trace(() => `${victim.current().process.name} is killed${linger ? ', its renderers linger' : ''}`);
    victim.current().crash(linger);
    scheduler.later('restart', random.below(RESTART_LATEST_MS), victim.revive);
  }

  /** Mostly whoever is in the middle of a render. */
  function stop(): void {
    const busy = members.filter(({ current }) => current().rendering());
    const one = random.pick(busy.length > 0 && random.chance(0.8) ? busy : members);
    const victim = one.current();
    if (!victim.process.alive || victim.process.stopped) return;
    scheduler.trace(() => `${victim.process.name} is stopped`);
    victim.stop(random.chance(0.5));
    scheduler.later('continue', random.below(profile.stopLongestMs), () => {
      scheduler.trace(() => `${victim.process.name} continues`);
      victim.resume();
      if (random.chance(profile.diesAfterStop)) scheduler.later('crash', random.below(40), () => crash(one));
    });
  }

  function terminate(one: Member<Processor>): void {
    const before = one.current();
    if (!before.process.alive) return;
    scheduler.trace(() => `${before.process.name} is asked to end`);
    before.terminate(() => {
      if (one.current() === before) one.revive();
    });
  }

  const faults: Record<Fault, () => void> = {
    crash: () => crash(random.pick(members)),
    stop,
    restart: () => terminate(random.pick(members)),
    'keeper-crash'() {
      const victim = random.pick(keepers);
      scheduler.kill(victim.current().process);
      if (!profile.keeperDead) scheduler.later('restart', random.below(RESTART_LATEST_MS), victim.revive);
    },
    replay() {
      scheduler.trace(() => 'the consumers are made anew');
      world.consumers.changes.replay();
      world.consumers.removals.replay();
    },
    sweep: () => void runSweep(world),
    trouble() {
      scheduler.trace(() => 'the bucket loses its tag');
      world.tag(false);
      scheduler.later('tag', random.below(120_000), () => world.tag(true));
    },
    reconfigure() {
      scheduler.trace(() => 'another configuration is registered');
      world.configuration.change();
      for (const one of members) scheduler.later('reconfigured', random.below(60_000), () => terminate(one));
    },
  };

  return {
    uploaded: () => uploader.done(),
    rendering: () => members.some(({ current }) => current().rendering()),
    befall: (fault) => faults[fault](),
    heal() {
      for (const one of members) {
        if (one.current().process.stopped) one.current().resume();
        if (!one.current().process.alive) one.revive();
        else if (profile.reconfigured) terminate(one);
      }
      for (const one of keepers) {
        if (!one.current().process.alive) one.revive();
      }
    },
    keepers: () => keepers.map(({ current }) => current()),
  };
}

interface Member<T> {
  readonly current: () => T;
  /** Starts it anew if it is dead. */
  readonly revive: () => void;
}

function member<T extends { readonly process: Process }>(name: string, start: (name: string) => T): Member<T> {
  let incarnation = 1;
  let current = start(`${name}.${incarnation}`);
  return {
    current: () => current,
    revive() {
      if (!current.process.alive) current = start(`${name}.${++incarnation}`);
    },
  };
}
