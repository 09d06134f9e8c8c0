// What lies in DEAD_LETTERS, for an operator: read, put back, thrown away.
import { headers } from 'nats';
import type { DeadLetter } from '../model/dead-letter.ts';
import { STREAMS } from '../model/subjects.ts';
import type { Nats } from './connect.ts';
import { deleteMessage, storedMessage } from './exhausted.ts';
import { publishConfirmed } from './publish.ts';
import { scanStream } from './scan.ts';

/** The pipeline's port of the same name. */
export interface DeadLetterBox {
  /** Oldest first; those of now. */
  list(): AsyncIterable<DeadLetter>;
  /** Null: not there, or not any more. */
  letter(number: number): Promise<DeadLetter | null>;
  /** False: it was not there. */
  drop(number: number): Promise<boolean>;
  /** Publishes the message to the subject that it came from; resolves when the stream has it. The letter stays. */
  putBack(letter: DeadLetter): Promise<void>;
}

const OWN = 'millrace-';

export function openDeadLetterBox(nats: Nats): DeadLetterBox {
  return {
    async *list() {
      for await (const { seq, data, headers: own, timestampMs } of scanStream(nats, STREAMS.deadLetters)) {
        yield letterOf({ seq, data, headers: own, timestampMs });
      }
    },
    async letter(number) {
      const stored = await storedMessage(nats, STREAMS.deadLetters, number);
      return stored === null ? null : letterOf({ seq: number, ...stored });
    },
    drop: (number) => deleteMessage(nats, STREAMS.deadLetters, number),
    async putBack({ number, subject, data, headers: original }) {
      const copied = headers();
      for (const [name, values] of original) for (const value of values) copied.append(name, value);
      await publishConfirmed(nats, subject, data, { messageId: `redrive-${number}`, headers: copied });
    },
  };
}

interface Stored {
  readonly seq: number;
  readonly data: Uint8Array;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly timestampMs: number;
}

/** A letter that somebody else put there has none of our headers: it shows as one of unknown origin. */
function letterOf({ seq, data, headers: all, timestampMs }: Stored): DeadLetter {
  const fact = (name: string): string | undefined => all.get(`${OWN}${name}`)?.[0];
  const count = (name: string, otherwise: number): number => Number(fact(name) ?? otherwise);
  const isOurs = (name: string): boolean => name.startsWith(OWN) || name.toLowerCase().startsWith('nats-');
  return {
    number: seq,
    code: fact('code') ?? 'UNKNOWN',
    reason: fact('reason') ?? '',
    stream: fact('stream') ?? '',
    consumer: fact('consumer') ?? '',
    sequence: count('sequence', 0),
    subject: fact('subject') ?? '',
    deliveries: count('deliveries', 0),
    firstSeenMs: Date.parse(fact('first-seen') ?? '') || timestampMs,
    lastSeenMs: Date.parse(fact('last-seen') ?? '') || timestampMs,
    host: fact('host') ?? '',
    sizeBytes: count('size-bytes', data.length),
    data,
    headers: new Map([...all].filter(([name]) => !isOurs(name))),
  };
}
