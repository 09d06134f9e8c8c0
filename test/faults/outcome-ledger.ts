// The highest revision told of each object, read from the stream OUTCOMES: what a subscriber that missed nothing would know.
import type { Outcome } from '../../workers/model/messages.ts';
import { STREAMS } from '../../workers/model/subjects.ts';
import type { Nats } from '../../workers/nats/connect.ts';

export interface OutcomeLedger {
  /** By `bucket/key`, as of now. */
  read(): Promise<ReadonlyMap<string, Outcome>>;
}

export function createOutcomeLedger(nats: Nats): OutcomeLedger {
  const highest = new Map<string, Outcome>();
  let lastSeq = 0;
  let reading: Promise<void> = Promise.resolve();

  async function catchUp(): Promise<void> {
    const { state } = await nats.manager.streams.info(STREAMS.outcomes);
    for (let seq = lastSeq + 1; seq <= state.last_seq; seq += 1) {
      const message = await nats.manager.streams.getMessage(STREAMS.outcomes, { seq });
      lastSeq = seq;
      if (message === null) continue;
      const outcome = message.json<Outcome>();
      const path = `${outcome.ref.bucket}/${outcome.ref.key}`;
      if (outcome.revision > (highest.get(path)?.revision ?? 0)) highest.set(path, outcome);
    }
  }
  return {
    async read() {
      // One after the other: two at once would both move `lastSeq`.
      reading = reading.then(catchUp, catchUp);
      await reading;
      return highest;
    },
  };
}
