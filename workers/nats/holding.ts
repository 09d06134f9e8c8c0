// Whether a message in hand is certainly still ours. JetStream takes a late ack of a delivery that ran out (measured), also while
// somebody else has the next one: a process that was stopped for long and acks what it held would settle the other's work unseen.
import type { JsMsg } from '@nats-io/jetstream';

/** Notices that the whole process stood still: SIGSTOP, a suspended machine, a blocked event loop. */
export interface Awake extends Disposable {
  /** When it was last certain, on the monotonic clock, that whatever arrived before has been seen. */
  sinceMs(): number;
}

const TICK_MS = 500;
/** How long after a standstill messages from before it may still come out of the socket's buffer. */
const BUFFER_MS = 1_000;

export function watchAwake(nowMs: () => number = () => performance.now()): Awake {
  let tickMs = nowMs();
  let beforeStandstillMs = tickMs;
  let wokeMs = Number.NEGATIVE_INFINITY;
  const tick = () => {
    const now = nowMs();
    if (now - tickMs > 4 * TICK_MS) {
      beforeStandstillMs = tickMs;
      wokeMs = now;
    }
    tickMs = now;
  };
  const timer = setInterval(tick, TICK_MS).unref();
  return {
    sinceMs() {
      tick(); // after a standstill the message may come before the timer does
      return nowMs() - wokeMs < BUFFER_MS ? beforeStandstillMs : nowMs();
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

export interface Holding extends Disposable {
  /** False from the moment on when the delivery may have run out; it then stays false. */
  isOurs(): boolean;
}

export interface HoldOptions {
  readonly ackWaitMs: number;
  readonly awake: Pick<Awake, 'sinceMs'>;
  readonly nowMs?: () => number;
}

/** Says `working()` three times per ack_wait until disposed, and never for a message that may be somebody else's by now. */
export function hold(
  js: Pick<JsMsg, 'working'>,
  { ackWaitMs, awake, nowMs = () => performance.now() }: HoldOptions,
): Holding {
  let provenMs = awake.sinceMs();
  let lost = false;
  // Half: the other half is for what is under way to the server.
  const isOurs = () => {
    lost ||= nowMs() - provenMs > ackWaitMs / 2;
    return !lost;
  };
  const timer = setInterval(() => {
    if (!isOurs()) return;
    js.working();
    provenMs = nowMs();
  }, ackWaitMs / 3);
  return { isOurs, [Symbol.dispose]: () => clearInterval(timer) };
}
