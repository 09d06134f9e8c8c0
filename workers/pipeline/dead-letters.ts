// Which object a dead letter is about, and how its message is put back to work.
import type { DeadLetter } from '../model/dead-letter.ts';
import { isCut } from '../model/dead-letter.ts';
import { desiredOf, type Wanted } from '../model/desired.ts';
import { decodeWorkItem } from '../model/messages.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import { EVENT_SUBJECTS } from '../model/subjects.ts';
import { decodeObjectEvent } from './decode-event.ts';
import type { WorkItems } from './ports.ts';

export interface DeadLetterBox {
  /** Oldest first. */
  list(): AsyncIterable<DeadLetter>;
  letter(number: number): Promise<DeadLetter | null>;
  drop(number: number): Promise<boolean>;
  putBack(letter: DeadLetter): Promise<void>;
}

/** Null: its message names no object that can be read. */
export function refOfLetter({ data, subject }: Pick<DeadLetter, 'data' | 'subject'>, store: string): ObjectRef | null {
  const isEvent = (Object.values(EVENT_SUBJECTS) as readonly string[]).includes(subject);
  try {
    if (!isEvent) return decodeWorkItem(data).ref;
    const { bucket, key } = decodeObjectEvent(data);
    return { store, bucket, key };
  } catch {
    return null; // that is why most of them lie here
  }
}

export type Redriven =
  /** A work item for the object stands in the urgent lane of its tier. */
  | { readonly kind: 'work-item'; readonly ref: ObjectRef; readonly tier: string }
  /** The message stands in its stream again, as it was. */
  | { readonly kind: 'message'; readonly subject: string }
  /** Nothing was done: the code says why. */
  | { readonly kind: 'left'; readonly code: 'LETTER_CUT' | 'NO_SUBJECT' };

export interface RedriveOptions {
  readonly wanted: Wanted;
  /** Back to its subject, also where it names an object. */
  readonly asMessage: boolean;
  readonly dryRun: boolean;
}

/**
 * What matters of a message is which object it names: a work item for that object does the same and is handled before older events. The
 * letter goes when the other stands; stopped in between, both are there, and a second look at an object finds nothing to do.
 */
export async function redrive(
  letter: DeadLetter,
  { letters, workItems }: { readonly letters: DeadLetterBox; readonly workItems: WorkItems },
  { wanted, asMessage, dryRun }: RedriveOptions,
): Promise<Redriven> {
  const ref = asMessage ? null : refOfLetter(letter, wanted.store);
  const tier = ref === null ? undefined : desiredOf(ref, wanted)?.tier;
  const { number, subject } = letter;
  if (ref !== null && tier !== undefined) {
    if (!dryRun) {
      const item = { v: 1, ref, reason: `redrive of dead letter ${number}` } as const;
      await workItems.publish(tier, 'urgent', 'redrive', item, `redrive-${number}`);
      await letters.drop(number);
    }
    return { kind: 'work-item', ref, tier };
  }
  if (isCut(letter)) return { kind: 'left', code: 'LETTER_CUT' };
  if (subject === '') return { kind: 'left', code: 'NO_SUBJECT' };
  if (!dryRun) {
    await letters.putBack(letter);
    await letters.drop(number);
  }
  return { kind: 'message', subject };
}
