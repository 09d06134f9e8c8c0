// Keeps what cannot be handled: the message as it was, with why, in the stream DEAD_LETTERS.
import { headers, type MsgHdrs } from 'nats';
import { deadLetterSubject } from '../model/subjects.ts';
import type { Nats } from './connect.ts';
import type { IncomingMessage } from './message.ts';
import { publishConfirmed } from './publish.ts';

export interface DeadLetters {
  /** Resolves when the stream has it; only then may the message be given up. */
  put(message: IncomingMessage, code: string, reason: string): Promise<void>;
}

// Leaves room for the headers below the server's limit of one message, 1 MB.
const MAX_BODY_BYTES = 900_000;
const MAX_REASON_CHARACTERS = 1_000;

/** The copy bears the original headers, and ours named `millrace-…`; its id makes a second copy of the same message none. */
export function createDeadLetters(
  nats: Nats,
  { host, now = Date.now }: { readonly host: string; readonly now?: () => number },
): DeadLetters {
  return {
    async put(message, code, reason) {
      const { stream, consumer, streamSeq, data } = message;
      const body = data.length > MAX_BODY_BYTES ? data.subarray(0, MAX_BODY_BYTES) : data;
      const copied = copyHeaders(message.headers);
      const facts = {
        code,
        reason: oneLine(reason),
        stream,
        consumer,
        sequence: streamSeq,
        subject: message.subject,
        deliveries: message.deliveryCount,
        'first-seen': new Date(message.timestampMs).toISOString(),
        'last-seen': new Date(now()).toISOString(),
        host,
        'size-bytes': data.length,
      };
      for (const [name, value] of Object.entries(facts)) copied.set(`millrace-${name}`, oneLine(String(value)));
      await publishConfirmed(nats, deadLetterSubject(stream, consumer), body, {
        messageId: `${stream}:${streamSeq}`,
        headers: copied,
      });
    },
  };
}

function copyHeaders(given: IncomingMessage['headers']): MsgHdrs {
  const copied = headers();
  for (const [name, values] of given) {
    // These would act on the stream that takes the copy: its ids, its expectations, its time to live.
    if (name.toLowerCase().startsWith('nats-')) continue;
    for (const value of values) copied.append(name, value);
  }
  return copied;
}

/** A header's value ends at a line break. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, MAX_REASON_CHARACTERS);
}
