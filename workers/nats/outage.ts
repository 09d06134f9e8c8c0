// Tells an outage from a bad message: one message that always fails stops nobody, many different ones in a row mean that something everybody needs is away.

export interface Outage {
  /** How long to wait before the next pull; 0 while all is well. While it is not, one message at a time finds out. */
  readonly pauseMs: number;
  succeeded(): void;
  failed(streamSeq: number): void;
}

const ENOUGH_MESSAGES = 3;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Without it every message of the stream would be pulled and put back during an outage: put-back messages count against
 * max_ack_pending, which stops the consumer for everybody (nats-server#6093), and towards max_deliver.
 */
export function createOutage(firstPauseMs = 1_000): Outage {
  const failing = new Set<number>();
  let pauseMs = 0;
  return {
    get pauseMs() {
      return pauseMs;
    },
    succeeded() {
      failing.clear();
      pauseMs = 0;
    },
    failed(streamSeq) {
      failing.add(streamSeq);
      if (failing.size < ENOUGH_MESSAGES) return;
      if (failing.size > 1_000) failing.delete(failing.values().next().value ?? streamSeq);
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs === 0 ? firstPauseMs : pauseMs * 2);
    },
  };
}
