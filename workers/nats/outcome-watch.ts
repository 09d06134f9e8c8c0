// Outcomes as they are told from now on, for whoever waits for one: not kept, not replayed.
import type { Outcome } from '../model/messages.ts';
import type { Nats } from './connect.ts';

const ALL = 'renditions.v1.>';

/** Calls back for each outcome told after this resolved, until disposed. Some may come twice; the highest revision of an object counts. */
export async function watchOutcomes(nats: Nats, told: (outcome: Outcome) => void): Promise<Disposable> {
  const subscription = nats.connection.subscribe(ALL, {
    callback: (error, message) => {
      if (error === null) told(message.json<Outcome>());
    },
  });
  await nats.connection.flush(); // the server knows of it: whatever is told from here on arrives
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}
