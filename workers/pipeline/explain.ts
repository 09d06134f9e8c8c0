// The whole story of one object: what was seen, tried and remembered of it, what is wanted, and why it is (not) so.
import { type Desired, desiredOf, type Wanted } from '../model/desired.ts';
import type { Attempt, KnownSet, LaneLoad, SeenEvent } from '../model/history.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';
import { allEnded } from '../platform/all-ended.ts';
import { type DeadLetterBox, refOfLetter } from './dead-letters.ts';
import { type Diagnosis, diagnose } from './diagnose.ts';
import { observe } from './observe.ts';
import type { Index, Objects, Sighting } from './ports.ts';
import { seenEvents, type StreamMessage } from './seen-events.ts';

export interface ExplainPorts {
  readonly index: Pick<Index, 'row' | 'sourceId'> & {
    /** Newest first. */
    attemptsOf(ref: ObjectRef): Promise<readonly Attempt[]>;
    setsOf(ref: ObjectRef): Promise<readonly KnownSet[]>;
  };
  readonly objects: Pick<Objects, 'look'>;
  readonly letters: Pick<DeadLetterBox, 'list'>;
  /** What the stream EVENTS still has. */
  events(sinceMs: number | undefined): AsyncIterable<StreamMessage>;
  lanes(): Promise<readonly LaneLoad[]>;
  keepers(): Promise<readonly VolumeAnnouncement[]>;
}

export interface ObjectStory {
  readonly ref: ObjectRef;
  readonly sighting: Sighting;
  readonly row: ObjectRow | null;
  /** Oldest first. */
  readonly events: readonly SeenEvent[];
  /** Newest first. */
  readonly attempts: readonly Attempt[];
  readonly sets: readonly KnownSet[];
  readonly letters: readonly { readonly number: number; readonly code: string; readonly atMs: number }[];
  readonly desired: Desired | null;
  readonly diagnosis: Diagnosis;
}

export interface ExplainOptions {
  readonly wanted: Wanted;
  readonly decoders: string;
  readonly nowMs: number;
  /** Older events are not looked for. */
  readonly sinceMs: number | undefined;
}

/** Rejects where a server is away. */
export async function explain(ref: ObjectRef, ports: ExplainPorts, options: ExplainOptions): Promise<ObjectStory> {
  const { wanted, decoders, nowMs, sinceMs } = options;
  const observed = await observe(ref, ports);
  const [attempts, sets, lanes, keepers, letters] = await allEnded([
    ports.index.attemptsOf(ref),
    ports.index.setsOf(ref),
    ports.lanes(),
    ports.keepers(),
    lettersAbout(ref, ports),
  ]);
  const events = await seenEvents(ref, ports.events(sinceMs));
  const around = { attempts, sets, lanes, keepers, letters: letters.map(({ number }) => number) };
  const present = { decoders, nowMs, removeUncovered: false };
  return {
    ref,
    sighting: observed.sighting,
    row: observed.row,
    events,
    attempts,
    sets,
    letters,
    desired: desiredOf(ref, wanted),
    diagnosis: diagnose(observed, wanted, present, around),
  };
}

async function lettersAbout(
  { store, bucket, key }: ObjectRef,
  { letters }: ExplainPorts,
): Promise<ObjectStory['letters']> {
  const found: { number: number; code: string; atMs: number }[] = [];
  for await (const letter of letters.list()) {
    const ref = refOfLetter(letter, store);
    if (ref?.bucket !== bucket || ref.key !== key) continue;
    found.push({ number: letter.number, code: letter.code, atMs: letter.lastSeenMs });
  }
  return found;
}
