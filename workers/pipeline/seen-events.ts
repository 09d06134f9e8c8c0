// The events about one object among all that a stream still has.
import type { SeenEvent } from '../model/history.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import { EVENT_SUBJECTS } from '../model/subjects.ts';
import { isAppError } from '../platform/errors.ts';
import { decodeObjectEvent } from './decode-event.ts';

export interface StreamMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly seq: number;
  readonly timestampMs: number;
}

const JOURNAL: readonly string[] = [EVENT_SUBJECTS.createdJournal, EVENT_SUBJECTS.removedJournal];

/** In the order of the stream. */
export async function seenEvents(
  { bucket, key }: Pick<ObjectRef, 'bucket' | 'key'>,
  messages: AsyncIterable<StreamMessage>,
): Promise<readonly SeenEvent[]> {
  const seen: SeenEvent[] = [];
  const needle = plainPart(key);
  for await (const { subject, data, seq, timestampMs } of messages) {
    // Parsing each of a million events would take minutes; their bytes are searched in seconds.
    if (needle !== null && Buffer.from(data.buffer, data.byteOffset, data.length).indexOf(needle) < 0) continue;
    try {
      const event = decodeObjectEvent(data);
      if (event.bucket !== bucket || event.key !== key) continue;
      const { name, sequencer } = event;
      seen.push({
        streamSeq: seq,
        atMs: timestampMs,
        path: JOURNAL.includes(subject) ? 'journal' : 'live',
        name,
        sequencer,
      });
    } catch (error) {
      if (!isAppError(error)) throw error; // what cannot be decoded is about nobody, and lies among the dead letters
    }
  }
  return seen;
}

/** The longest part of the key that stands in an event as it is, however the rest of it is escaped. Null: none worth searching for. */
function plainPart(key: string): string | null {
  const parts = (key.match(/[A-Za-z0-9]+/g) ?? []).toSorted((a, b) => b.length - a.length);
  return parts[0] !== undefined && parts[0].length > 2 ? parts[0] : null;
}
