// How much work a lane has: asked of the server, for those who decide by it or show it.
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';

export interface Lag {
  /** Not delivered to anybody yet. */
  readonly pending: number;
  /** With a processor, or put back for a while. */
  readonly underWay: number;
  /** Pulls that wait: with work pending and none of these, nobody serves the lane. */
  readonly pulls: number;
}

/** Rejects with a retry error; `CONSUMER_MISSING` where the lane is not there. About a millisecond. */
export async function readLag(nats: Nats, stream: string, consumer: string): Promise<Lag> {
  try {
    const { num_pending, num_ack_pending, num_waiting } = await nats.manager.consumers.info(stream, consumer);
    return { pending: num_pending, underWay: num_ack_pending, pulls: num_waiting };
  } catch (error) {
    throw natsError(error, `reading consumer ${consumer}`);
  }
}
