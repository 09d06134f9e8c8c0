// Reads a stream from some point to where it ends now, without being one of its durable consumers: nothing is acked, nothing stays behind.
import { DeliverPolicy } from '@nats-io/jetstream';
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';

export interface ScanOptions {
  /** Absent: every subject. */
  readonly subjects?: readonly string[];
  /** Only what the stream took since. */
  readonly sinceMs?: number;
}

export interface ScannedMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly seq: number;
  /** When the stream took it. */
  readonly timestampMs: number;
}

const AHEAD = 1_000;

/** In the order of the stream. What comes in while it is read is left out. Throws a retry error; `STREAM_MISSING` where there is none. */
export async function* scanStream(
  nats: Nats,
  stream: string,
  { subjects, sinceMs }: ScanOptions = {},
): AsyncGenerator<ScannedMessage, void, undefined> {
  try {
    const { last_seq: lastSeq } = (await nats.manager.streams.info(stream)).state;
    const consumer = await nats.js.consumers.get(stream, {
      ...(subjects === undefined ? {} : { filter_subjects: [...subjects] }),
      ...(sinceMs === undefined
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(sinceMs).toISOString() }),
    });
    try {
      if ((await consumer.info(true)).num_pending === 0) return;
      const messages = await consumer.consume({ max_messages: AHEAD });
      try {
        for await (const { subject, data, headers, seq, info, timestampNanos } of messages) {
          if (seq > lastSeq) return;
          const timestampMs = Number(timestampNanos / 1_000_000n);
          yield { subject, data, headers: new Map(headers ?? []), seq, timestampMs };
          if (info.pending === 0 || seq === lastSeq) return;
        }
      } finally {
        await messages.close();
      }
    } finally {
      await consumer.delete();
    }
  } catch (cause) {
    throw natsError(cause, `reading stream ${stream}`);
  }
}
