// Everything the actors of one schedule share: the twins, the scheduler, and the record of what was seen, for the assertions.
import type { WorkItem } from '../../workers/model/messages.ts';
import { type ObjectRef, refHash } from '../../workers/model/object-ref.ts';
import type { ObjectRow } from '../../workers/model/object-row.ts';
import { CONSUMERS, EVENT_SUBJECTS, plannedFilter, type PlannedLane } from '../../workers/model/subjects.ts';
import { AppError } from '../../workers/platform/errors.ts';
import { type Configuration, configuration } from './configuration.ts';
import { drawProfile, type Profile } from './profile.ts';
import { seededRandom } from './random.ts';
import { CALM, createScheduler, type Process, type Scheduler } from './scheduler.ts';
import { createMemoryIndex, type MemoryIndex } from './twins/memory-index.ts';
import { createMemoryObjects, type MemoryObjects } from './twins/memory-objects.ts';
import { createMemoryOutcomes, createMemoryWorkItems, type MemoryOutcomes } from './twins/memory-outcomes.ts';
import { createMemoryStream, type MemoryConsumer, type MemoryStream } from './twins/memory-stream.ts';
import { createMemoryVolume, type MemoryVolume } from './twins/memory-volume.ts';
import type { RenderFate } from './twins/memory-renderers.ts';
import type { Suspend } from './twins/sync.ts';
import type { Variant } from './variant.ts';

export const STORE = 'main';
export const BUCKET = 'photos';
export const INDEX_ID = 'index-1';
const SOURCE_ID = 'source-1';
const START_MS = 1_760_000_000_000;

export interface Host {
  readonly name: string;
  readonly volumes: readonly MemoryVolume[];
}

export interface World {
  readonly scheduler: Scheduler;
  readonly profile: Profile;
  readonly variant: Variant;
  readonly index: MemoryIndex;
  readonly objects: MemoryObjects;
  readonly events: MemoryStream<ObjectRef>;
  readonly planned: MemoryStream<WorkItem>;
  readonly workItems: ReturnType<typeof createMemoryWorkItems>;
  readonly outcomes: MemoryOutcomes;
  readonly consumers: Readonly<Record<'changes' | 'removals', MemoryConsumer<ObjectRef>>>;
  readonly lanes: readonly PlannedConsumer[];
  readonly hosts: readonly Host[];
  readonly refs: readonly ObjectRef[];
  readonly history: History;
  readonly configuration: Configuration;
  /** What befalls renders; healed with the rest. */
  readonly fate: RenderFate;
  readonly faultsOver: () => boolean;
  endFaults(): void;
  readonly volume: (volumeId: string) => MemoryVolume;
  tag(present: boolean): void;
  /** Suspends at the scheduler, in the name of a process. */
  suspend(process: Process): Suspend;
  readonly newSetId: () => string;
  violate(rule: string): void;
  violation(): string | null;
}

export interface PlannedConsumer {
  readonly tier: string;
  readonly lane: PlannedLane;
  readonly consumer: MemoryConsumer<WorkItem>;
}

/** What no process knows: how often an object was changed, how far each row's look had seen, the last revision of everything. */
export interface History {
  readonly changes: Map<string, number>;
  readonly seenByRow: Map<string, number>;
  readonly lastRow: Map<string, ObjectRow>;
  commits: number;
  renders: number;
  reads: number;
  handled: number;
}

export interface WorldOptions {
  readonly seed: number;
  readonly variant: Variant;
  readonly trace?: ((line: string) => void) | undefined;
}

export function createWorld({ seed, variant, trace }: WorldOptions): World {
  const random = seededRandom(seed);
  const profile = drawProfile(random);
  const scheduler = createScheduler({ random, startMs: START_MS + random.below(1_000), trace });
  Object.assign(scheduler.weather, profile.weather);
  const now = scheduler.now;

  const index = createMemoryIndex(now, variant.fences);
  index.provision(STORE, BUCKET, SOURCE_ID);
  const objects = createMemoryObjects(now, variant.ifMatch);
  objects.tag(BUCKET, SOURCE_ID);
  if (profile.versioned) objects.setVersioned(BUCKET);
  const events = createMemoryStream<ObjectRef>('EVENTS', scheduler);
  const planned = createMemoryStream<WorkItem>('PLANNED', scheduler);

  const tiers = ['hot', 'cold'].slice(0, profile.tiers);
  const hosts = Array.from({ length: Math.max(profile.hosts, profile.tiers) }, (_, at): Host => {
    const tier = tiers[at % tiers.length] ?? 'hot';
    return { name: `host-${at + 1}`, volumes: [createMemoryVolume(`volume-${at + 1}`, tier, INDEX_ID, now)] };
  });
  const volumes = new Map(hosts.flatMap((host) => host.volumes.map((volume) => [volume.volumeId, volume])));
  const refs = KEYS.slice(0, profile.objects).map((key) => ({ store: STORE, bucket: BUCKET, key }));
  const fate = { ...profile.fate };
  let violated: string | null = null;
  let faultsOver = false;
  let sets = 0;

  return {
    scheduler,
    profile,
    variant,
    index,
    objects,
    events,
    planned,
    workItems: createMemoryWorkItems(planned),
    outcomes: createMemoryOutcomes(),
    consumers: {
      [CONSUMERS.changes]: events.consumer((s) => s === EVENT_SUBJECTS.created || s === EVENT_SUBJECTS.createdJournal),
      [CONSUMERS.removals]: events.consumer((s) => s === EVENT_SUBJECTS.removed || s === EVENT_SUBJECTS.removedJournal),
    },
    lanes: tiers.flatMap((tier) =>
      (['urgent', 'bulk'] as const).map((lane) => {
        const prefix = plannedFilter(tier, lane).slice(0, -1);
        return { tier, lane, consumer: planned.consumer((subject) => subject.startsWith(prefix)) };
      }),
    ),
    hosts,
    refs,
    history: {
      changes: new Map(),
      seenByRow: new Map(),
      lastRow: new Map(),
      commits: 0,
      renders: 0,
      reads: 0,
      handled: 0,
    },
    configuration: configuration(BUCKET, STORE, tiers),
    fate,
    faultsOver: () => faultsOver,
    endFaults() {
      faultsOver = true;
      Object.assign(scheduler.weather, CALM);
      Object.assign(fate, { dies: 0, hangs: 0, volumeRefuses: 0, sourceRefuses: 0 });
      objects.tag(BUCKET, SOURCE_ID);
    },
    volume(volumeId) {
      const volume = volumes.get(volumeId);
      if (volume === undefined) throw new Error(`no volume ${volumeId}`);
      return volume;
    },
    tag: (present) => objects.tag(BUCKET, present ? SOURCE_ID : null),
    suspend: (process) => (label, effect) => scheduler.call(process, label, effect, away),
    newSetId: () => `00000000-0000-7000-8000-${(++sets).toString(16).padStart(12, '0')}`,
    violate(rule) {
      violated ??= rule;
      scheduler.trace(() => `VIOLATED ${rule}`);
    },
    violation: () => violated,
  };
}

/** Claims of all kinds: an image by name, none by name, and one whose name says nothing. */
const KEYS = ['cat.jpg', 'notes.txt', 'unnamed'];

function away(): Error {
  return new AppError('AWAY', 'the server is away');
}

/** Whoever changes an object says so here. */
export function changed(world: World, ref: ObjectRef): void {
  const key = refHash(ref);
  world.history.changes.set(key, (world.history.changes.get(key) ?? 0) + 1);
}
