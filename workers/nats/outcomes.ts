// Tells what became of an object: one message of the stream OUTCOMES for each revision.
import type { Outcome } from '../model/messages.ts';
import { refHash } from '../model/object-ref.ts';
import { outcomeSubject } from '../model/subjects.ts';
import type { Nats } from './connect.ts';
import { publishConfirmed } from './publish.ts';

/** `tell` resolves when the stream has the outcome; rejects with a retry error, and the message in hand is then put back. */
export function createOutcomes(nats: Nats): { tell(outcome: Outcome): Promise<void> } {
  return {
    async tell(outcome) {
      const { ref, revision, state } = outcome;
      const subject = outcomeSubject(ref.store, ref.bucket, state);
      await publishConfirmed(nats, subject, JSON.stringify(outcome), { messageId: `${refHash(ref)}:${revision}` });
    },
  };
}
