// How much work a lane has, and how full a stream is: asked of the server, for those who decide by it or show it.
import type { StreamFill } from '../model/pool-status.ts';
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';

export interface Lag {
  /** Not delivered to anybody yet. */
  readonly pending: number;
  /** With a processor, or put back for a while. */
  readonly underWay: number;
  /** Pulls that wait: with work pending and none of these, nobody serves the lane. */
  readonly pulls: number;
  /** Of all deliveries since the consumer was made: those that are not under way any more. */
  readonly ended: number;
}

/** Rejects with a retry error; `CONSUMER_MISSING` where the lane is not there. About a millisecond. */
export async function readLag(nats: Nats, stream: string, consumer: string): Promise<Lag> {
  try {
    const { num_pending, num_ack_pending, num_waiting, delivered } = await nats.manager.consumers.info(
      stream,
      consumer,
    );
    return {
      pending: num_pending,
      underWay: num_ack_pending,
      pulls: num_waiting,
      ended: delivered.consumer_seq - num_ack_pending,
    };
  } catch (error) {
    throw natsError(error, `reading consumer ${consumer}`);
  }
}

/** Rejects with a retry error; `STREAM_MISSING`. */
export async function readFill(nats: Nats, name: string): Promise<StreamFill> {
  try {
    const { state, config } = await nats.manager.streams.info(name);
    return { name, messages: state.messages, bytes: state.bytes, maxBytes: config.max_bytes };
  } catch (error) {
    throw natsError(error, `reading stream ${name}`);
  }
}
