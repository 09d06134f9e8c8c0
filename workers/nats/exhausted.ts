// Makes dead letters of what JetStream gave up: a message delivered max_deliver times is delivered to nobody any more, and only an advisory says so.
import { z } from 'zod';
import { STREAMS, EXHAUSTED_CONSUMER } from '../model/subjects.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Log } from '../platform/log.ts';
import type { Nats } from './connect.ts';
import type { DeadLetters } from './dead-letters.ts';
import { natsError } from './errors.ts';
import type { IncomingMessage } from './message.ts';
import { type PullLoop, startPullLoop } from './pull-loop.ts';

/** The advisory has no bytes of the message: they are read from the stream. */
const advisorySchema = z.object({
  stream: z.string().min(1),
  consumer: z.string().min(1),
  stream_seq: z.number().int().positive(),
  deliveries: z.number().int().nonnegative(),
});

const OURS: readonly string[] = [STREAMS.events, STREAMS.planned];
const AT_ONCE = 4;

export interface ExhaustedOptions {
  readonly deadLetters: DeadLetters;
  readonly log: Log;
}

/** One durable consumer shared by all who run this. `MAX_DELIVERIES` is the code of the letters; on a work queue the message is then deleted. */
export function startExhausted(nats: Nats, { deadLetters, log }: ExhaustedOptions): PullLoop {
  return startPullLoop(nats, {
    stream: STREAMS.advisories,
    consumer: EXHAUSTED_CONSUMER,
    maxInFlight: AT_ONCE,
    handler: ({ data }) => bury(nats, data, { deadLetters, log }),
    deadLetters,
    log,
  });
}

async function bury(nats: Nats, data: Uint8Array, { deadLetters, log }: ExhaustedOptions): Promise<Verdict> {
  const advisory = decodeAdvisory(data);
  if (advisory === null)
    return { kind: 'dead-letter', code: 'NOT_AN_ADVISORY', message: 'the advisory of a given-up message is none' };
  const { stream, consumer, stream_seq: streamSeq, deliveries } = advisory;
  if (!OURS.includes(stream)) return { kind: 'settled' };
  const message = await storedMessage(nats, stream, streamSeq);
  // Purged, or deleted by the round before this one, whose ack was lost.
  if (message === null) return { kind: 'settled' };
  await deadLetters.put(
    { ...message, stream, consumer, streamSeq, deliveryCount: deliveries, pending: 0, working: () => undefined },
    'MAX_DELIVERIES',
    `delivered ${deliveries} times to ${consumer}, and never settled`,
  );
  // Events stay until they are purged, and are no work that is left; a work item would lie in its queue for ever.
  if (stream === STREAMS.planned) await deleteMessage(nats, stream, streamSeq);
  log.warn({ code: 'MAX_DELIVERIES', stream, consumer, streamSeq, deliveries }, 'dead letter written');
  return { kind: 'settled' };
}

function decodeAdvisory(data: Uint8Array): z.output<typeof advisorySchema> | null {
  try {
    const result = advisorySchema.safeParse(JSON.parse(new TextDecoder().decode(data)));
    return result.success ? result.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

type StoredMessage = Pick<IncomingMessage, 'subject' | 'data' | 'headers' | 'timestampMs'>;

/** Null: the stream has it no more. Rejects with a retry error. */
export async function storedMessage(nats: Nats, stream: string, seq: number): Promise<StoredMessage | null> {
  try {
    const stored = await nats.manager.streams.getMessage(stream, { seq });
    if (stored === null) return null;
    const { subject, data, header, time } = stored;
    return { subject, data, headers: new Map(header ?? []), timestampMs: time.getTime() };
  } catch (cause) {
    throw natsError(cause, `reading message ${seq} of ${stream}`);
  }
}

/** False: it was not there. */
export async function deleteMessage(nats: Nats, stream: string, seq: number): Promise<boolean> {
  try {
    return await nats.manager.streams.deleteMessage(stream, seq);
  } catch (cause) {
    const error = natsError(cause, `deleting message ${seq} of ${stream}`);
    if ((await storedMessage(nats, stream, seq)) === null) return false;
    throw error;
  }
}
