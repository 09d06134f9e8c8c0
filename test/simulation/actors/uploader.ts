// A simulated user, and the store's notifications: new content, old content again, other metadata, the same again, removals.
import type { ObjectRef } from '../../../workers/model/object-ref.ts';
import { EVENT_SUBJECTS } from '../../../workers/model/subjects.ts';
import type { Process } from '../scheduler.ts';
import { changed, type World } from '../world.ts';

/** The first is put most often; see `paint` for what becomes of each kind. */
const BODIES = ['pic:A', 'pic:B', 'pic:A', 'pic:B', 'pic:C', 'text:T', 'bomb:X', 'killer:K'];
const TYPES = ['image/jpeg', 'image/jpeg', 'image/jpeg', 'text/plain', 'application/octet-stream'];

export interface Uploader {
  readonly process: Process;
  done(): boolean;
}

export function startUploader(world: World): Uploader {
  const { scheduler, profile, objects } = world;
  const { random } = scheduler;
  const process = scheduler.process('user');
  let done = false;

  async function run(): Promise<void> {
    for (let change = 0; change < profile.changes; change++) {
      // A listing has no finer unit than a second: what only a sweep can find must differ by one.
      const listedApartMs = profile.eventLost > 0 ? 1_000 : 0;
      await scheduler.sleep(process, listedApartMs + random.below(profile.pauseMs + 1));
      if (profile.ambush) await renderUnderWay();
      const ref = random.pick(world.refs);
      await scheduler.call(process, 'changes', () => act(ref));
    }
    done = true;
  }

  /** Or has not come about for a while. */
  async function renderUnderWay(): Promise<void> {
    for (let tries = 0; tries < 40; tries++) {
      for (const { state } of world.index.sets()) if (state === 'writing') return;
      await scheduler.sleep(process, 2);
    }
  }

  function act(ref: ObjectRef): void {
    const present = objects.current(ref);
    const kind = random.below(7);
    if (present !== null && random.chance(profile.removals)) {
      if (profile.versioned && random.chance(0.4)) objects.uncover(ref);
      else objects.remove(ref);
      tell(ref, 'removed');
    } else if (present !== null && kind < 2) {
      // The same bytes again: as they were, or with another type or other metadata.
      const contentType = kind === 0 ? present.version.contentType : random.pick(TYPES);
      objects.put(ref, present.body, { contentType, metadata: kind === 0 ? {} : { n: String(random.below(3)) } });
      tell(ref, 'created');
    } else {
      objects.put(ref, random.pick(BODIES), { contentType: random.pick(TYPES) });
      tell(ref, 'created');
    }
  }

  function tell(ref: ObjectRef, kind: 'created' | 'removed'): void {
    changed(world, ref);
    const now = objects.current(ref);
    scheduler.trace(
      () => `user: ${ref.key} ${kind}, now ${now === null ? 'gone' : `${now.body} (${now.version.contentType})`}`,
    );
    if (random.chance(profile.eventLost)) return;
    const journal = kind === 'created' ? EVENT_SUBJECTS.createdJournal : EVENT_SUBJECTS.removedJournal;
    const live = !random.chance(profile.liveLost);
    if (live) world.events.publish(EVENT_SUBJECTS[kind], ref);
    if (live && random.chance(profile.journalLost)) return;
    scheduler.later('journal', random.below(profile.journalLatestMs), () => world.events.publish(journal, ref));
  }

  void run();
  return { process, done: () => done };
}
