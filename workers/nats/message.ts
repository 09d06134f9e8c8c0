// A message as a handler sees it: what it says and where it stands, but no way to ack it. Only the pull loop speaks JetStream.
import type { JsMsg } from '@nats-io/jetstream';

export interface IncomingMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Names as they were sent: NATS compares them with case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly stream: string;
  readonly consumer: string;
  readonly streamSeq: number;
  /** 1 = first. */
  readonly deliveryCount: number;
  /** Messages of this consumer that were not delivered yet when this one was. */
  readonly pending: number;
  /** When the stream took it. */
  readonly timestampMs: number;
  /** Prolongs ack_wait once; the pull loop does so by itself every 20 s. */
  working(): void;
}

export function incomingMessage(js: JsMsg): IncomingMessage {
  const { stream, consumer, streamSequence, deliveryCount, pending } = js.info;
  return {
    subject: js.subject,
    data: js.data,
    headers: new Map(js.headers ?? []),
    stream,
    consumer,
    streamSeq: streamSequence,
    deliveryCount,
    pending,
    timestampMs: Number(js.timestampNanos / 1_000_000n),
    working: () => js.working(),
  };
}
