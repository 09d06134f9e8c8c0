// Turns a verdict into JetStream's words. Nothing in here throws: whatever goes wrong, the message stays the stream's and comes again.
import type { JsMsg } from '@nats-io/jetstream';
import type { Verdict } from '../model/verdict.ts';
import { chainOf, codeOf } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import type { DeadLetters } from './dead-letters.ts';
import { natsError } from './errors.ts';
import type { IncomingMessage } from './message.ts';

/** What became of the message. `unconfirmed`: the ack may or may not have arrived; expect the message again. */
export type Settled = 'acked' | 'unconfirmed' | 'put-back' | 'dead-lettered';

const ACK_TIMEOUT_MS = 5_000;
// A delayed message counts against max_ack_pending for as long as it waits (nats-server#6093): longer waits are rows with a retry time.
const LONGEST_DELAY_MS = 60_000;
const THROWN_DELAYS_MS = [1_000, 5_000, 30_000] as const;
/** Below the consumers' max_deliver of 100: a message put back for the hundredth time would vanish without a copy. */
const DELIVERIES_LIMIT = 90;

export interface Settling {
  readonly deadLetters: DeadLetters;
  readonly log: Log;
  readonly random: () => number;
}

export async function settle(
  js: JsMsg,
  message: IncomingMessage,
  given: Verdict,
  settling: Settling,
): Promise<Settled> {
  const verdict = giveUpAtLast(given, message);
  switch (verdict.kind) {
    case 'settled':
    case 'skipped':
    case 'handed-over':
      return confirmAck(js, settling);
    case 'retry':
      putBack(js, verdict.afterMs);
      return 'put-back';
    case 'dead-letter':
      return bury(js, message, verdict, settling);
  }
}

/** A handler that throws has decided nothing: the message comes again, later each time, with full jitter. */
export function verdictOfThrown(error: unknown, deliveryCount: number, random: () => number): Verdict {
  return { kind: 'retry', afterMs: thrownDelayMs(deliveryCount, random), code: codeOf(error) };
}

/** A nak without a delay is delivered again at once, in a loop (nats-server#4726): there is always one. */
export function putBack(js: JsMsg, afterMs: number): void {
  js.nak(Math.round(Math.min(LONGEST_DELAY_MS, Math.max(1, afterMs))));
}

function thrownDelayMs(deliveryCount: number, random: () => number): number {
  const longestMs = THROWN_DELAYS_MS[Math.min(deliveryCount, THROWN_DELAYS_MS.length) - 1] ?? THROWN_DELAYS_MS[0];
  return random() * longestMs;
}

function giveUpAtLast(verdict: Verdict, { deliveryCount }: IncomingMessage): Verdict {
  if (verdict.kind !== 'retry' || deliveryCount < DELIVERIES_LIMIT) return verdict;
  const message = `delivered ${deliveryCount} times, the last time put back for ${verdict.code}`;
  return { kind: 'dead-letter', code: 'DELIVERED_TOO_OFTEN', message };
}

/** The work is done and told. If the answer is lost, the message comes again and its handler finds nothing to do. */
async function confirmAck(js: JsMsg, { log }: Settling): Promise<Settled> {
  try {
    if (await js.ackAck({ timeout: ACK_TIMEOUT_MS })) return 'acked';
    log.warn({ code: 'ALREADY_ANSWERED' }, 'ack not sent: the message was handed back before');
  } catch (error) {
    log.warn(
      { code: natsError(error, 'ack').code, reason: chainOf(error) },
      'ack not confirmed: expecting the message again',
    );
  }
  return 'unconfirmed';
}

/** First the copy stands, then the original goes: `term` also deletes it from a work queue. A lost term brings it again, under the same id. */
async function bury(
  js: JsMsg,
  message: IncomingMessage,
  { code, message: reason }: { readonly code: string; readonly message: string },
  { deadLetters, log, random }: Settling,
): Promise<Settled> {
  try {
    await deadLetters.put(message, code, reason);
  } catch (error) {
    log.warn({ code: codeOf(error), err: error }, 'dead letter not written: putting the message back');
    putBack(js, thrownDelayMs(message.deliveryCount, random));
    return 'put-back';
  }
  js.term(code);
  log.warn({ code, reason, deliveryCount: message.deliveryCount }, 'dead letter written');
  return 'dead-lettered';
}
