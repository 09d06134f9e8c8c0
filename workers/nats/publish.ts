// A publish that counts: it resolves when the stream has the message on disk, and never before.
import type { MsgHdrs } from 'nats';
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';

const PUB_ACK_TIMEOUT_MS = 5_000;

/** Resolves with whether the stream had this `messageId` already (its duplicate window is two minutes). Rejects with an AppError of disposition `retry`. */
export async function publishConfirmed(
  nats: Nats,
  subject: string,
  bytes: Uint8Array | string,
  { messageId, headers }: { readonly messageId: string; readonly headers?: MsgHdrs },
): Promise<boolean> {
  try {
    const { duplicate } = await nats.js.publish(subject, bytes, {
      msgID: messageId,
      timeout: PUB_ACK_TIMEOUT_MS,
      ...(headers === undefined ? {} : { headers }),
    });
    return duplicate;
  } catch (error) {
    throw natsError(error, `publishing to ${subject}`);
  }
}
