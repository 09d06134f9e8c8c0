// One pull of a shared durable consumer: how it is opened, and how it is ended without losing what the server is about to send.
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Nats } from './connect.ts';
import { endsWithin } from './deadline.ts';

// A dead consumer leader is noticed after about this long (measured: 5.8 s at 5 s); an idle pull is renewed as often.
const EXPIRES_MS = 4_000;
const HEARTBEAT_MS = 1_000;
const LOOK_AGAIN_MS = 50;

export interface Pull {
  /** Throws when heartbeats are missed, the consumer is deleted, its leader changes; else ends when all came that was asked for, or after four seconds. */
  readonly messages: AsyncIterable<JsMsg>;
  /** Ends the iteration as soon as no message can be lost by it. Messages still come until then: hand them back. Never rejects. */
  end(): Promise<void>;
}

/** Asks the server whether the consumer is there: the error of a pull does not tell a deleted one from a dead server. */
export function openConsumer(nats: Nats, stream: string, consumer: string): Promise<Consumer> {
  return nats.js.consumers.get(stream, consumer);
}

export async function pull(consumer: Consumer, messages: number): Promise<Pull> {
  const fetched = await consumer.fetch({ max_messages: messages, expires: EXPIRES_MS, idle_heartbeat: HEARTBEAT_MS });
  return { messages: fetched, end: () => end(consumer, fetched) };
}

/**
 * A message that the server has chosen for this pull is lost for a whole ack_wait if nobody listens when it is sent (measured: with
 * 200 messages waiting, every third unsubscribe lost some). So while messages wait the pull is left to fill up, which takes
 * milliseconds; only where none waits it is cut off.
 */
async function end(consumer: Consumer, fetched: ConsumerMessages): Promise<void> {
  const closed = fetched.closed();
  let waiting = true;
  while (waiting) {
    waiting = await consumer.info().then(
      ({ num_pending }) => num_pending > 0,
      () => false, // disconnected, or the consumer is gone: nothing comes any more
    );
    if (waiting && (await endsWithin(closed, LOOK_AGAIN_MS))) return;
  }
  await fetched.close();
}
