// Has the messages of one shared durable consumer handled: never more than there is room for, none lost, none acked early.
//
//     pull ──► take ──► handler ──► verdict ──► settle: ackAck · nak(delay) · dead letter, then term
//       ▲                                          │
//       └───── room: the slot is free again ◄──────┘
//
// One pull is open at a time, and it stays open while there is room: a message that arrives then starts at once. A handler never
// blocks the loop. The loop never holds a message that nobody handles: its ack_wait would run out while others have room for it.
// Whatever happens to NATS, the consumer or a handler, the loop goes on by itself and shows in status() how it is.
import type { Consumer, JsMsg } from '@nats-io/jetstream';
import type { Verdict } from '../model/verdict.ts';
import { AppError, codeOf } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import { backoffMs } from '../platform/retry.ts';
import type { Nats } from './connect.ts';
import { createBell, endsWithin } from './deadline.ts';
import type { DeadLetters } from './dead-letters.ts';
import { natsError } from './errors.ts';
import { type IncomingMessage, incomingMessage } from './message.ts';
import { type Holding, hold, watchAwake } from './holding.ts';
import { createOutage } from './outage.ts';
import { openConsumer, type Pull, pull } from './pull.ts';
import { putBack, type Settled, settle, verdictOfThrown } from './settle.ts';

export interface PullLoopOptions {
  readonly stream: string;
  readonly consumer: string;
  /** The loop's own bound: never more handlers than this run at once. */
  readonly maxInFlight: number;
  /** How many more messages could be put to work now, asked before each pull; 0: none is fetched before `wake` or the end of a handler. */
  readonly room?: () => number;
  /** The signal fires when the message has to be given up: return `retry` then, or throw. */
  readonly handler: (message: IncomingMessage, signal: AbortSignal) => Promise<Verdict>;
  readonly deadLetters: DeadLetters;
  readonly log: Log;
  /** Awaited before the handler, before the verdict is carried out, and after: fault tests stop the process there. */
  readonly reached?: (step: LoopStep, message: IncomingMessage) => Promise<void> | void;
  readonly random?: () => number;
  /** A third of ack_wait (60 s): two may get lost. */
  readonly workingEveryMs?: number;
}

export type LoopStep = 'taken' | 'settling' | 'settled';

/** pulling: a pull is open · full: no room · troubled: see `code`, tried again every two seconds at most. */
export type LoopState = 'starting' | 'pulling' | 'full' | 'troubled' | 'stopping' | 'stopped';

export interface PullLoopStatus {
  readonly consumer: string;
  readonly state: LoopState;
  /** While troubled: `CONSUMER_MISSING`, `STREAM_MISSING`, `NATS_UNREACHABLE`, `HEARTBEATS_MISSED`, `LEADER_CHANGED`, … */
  readonly code: string | null;
  readonly inFlight: number;
  /** Above 0: handlers failed for several messages in a row, one at a time is tried after such a pause. */
  readonly pauseMs: number;
  /** Since the start. `handedBack`: came when there was no room, or while stopping. `lost`: see holding.ts. */
  readonly counts: Readonly<Record<Settled | 'taken' | 'threw' | 'handedBack' | 'lost', number>>;
}

export interface PullLoop extends AsyncDisposable {
  /** There may be room now. */
  wake(): void;
  status(): PullLoopStatus;
  /**
   * Fetches no more, hands back what is not started, waits for what runs; at the deadline fires the handlers' signal, waits one
   * second more, and hands back the rest. A second call may shorten the deadline. `left`: handlers that still run; the last thing
   * they do is void here and fenced elsewhere. Close the connection after this, not before: acks would be lost without an error.
   */
  stop(deadlineMs?: number): Promise<{ readonly left: number }>;
  /** Resolves when stop() is done. */
  readonly drained: Promise<void>;
}

interface Running {
  readonly js: JsMsg;
  readonly holding: Holding;
  done: Promise<void>;
}

const WORKING_EVERY_MS = 20_000;
const ASK_FOR_ROOM_MS = 1_000;
const TROUBLE = { baseMs: 100, maxMs: 2_000 };
// Longer than a pull has to be quiet before it ends, so that it does not wait for its own messages.
const HAND_BACK_MS = 500;
const STOP_DEADLINE_MS = 20_000;
const GRACE_MS = 1_000;

export function startPullLoop(nats: Nats, options: PullLoopOptions): PullLoop {
  const { stream, consumer: name, maxInFlight, handler, deadLetters } = options;
  const { random = Math.random, workingEveryMs = WORKING_EVERY_MS, reached = () => {} } = options;
  const log = options.log.child({ stream, consumer: name });

  const inFlight = new Set<Running>();
  const awake = watchAwake();
  const counts = {
    taken: 0,
    threw: 0,
    handedBack: 0,
    lost: 0,
    acked: 0,
    unconfirmed: 0,
    'put-back': 0,
    'dead-lettered': 0,
  };
  const outage = createOutage();
  const roomBell = createBell(); // a slot is free
  const goBell = createBell(); // no reason to wait any longer: reconnected, an outage is over, or stopping
  const stopping = new AbortController();
  const overdue = new AbortController();
  const drained = Promise.withResolvers<void>();
  let state: LoopState = 'starting';
  let code: string | null = null;
  let troubles = 0;
  let open: Pull | undefined;

  const reconnected = nats.onReconnect(() => goBell.ring());
  const looping = loop();

  async function loop(): Promise<void> {
    let consumer: Consumer | undefined;
    while (!stopping.signal.aborted) {
      try {
        if (outage.pauseMs > 0) await goBell.wait(outage.pauseMs);
        const room = roomNow();
        if (room <= 0) {
          become('full');
          await roomBell.wait(ASK_FOR_ROOM_MS);
          continue;
        }
        // A request made now would be lost with the connection and time out after the next one stands.
        if (nats.state !== 'connected')
          throw new AppError(nats.state === 'closed' ? 'NATS_CLOSED' : 'NATS_UNREACHABLE', 'not connected');
        consumer ??= await openConsumer(nats, stream, name);
        if (stopping.signal.aborted) break;
        become('pulling');
        open = await pull(consumer, room);
        if (stopping.signal.aborted) void open.end();
        for await (const js of open.messages) take(js);
        troubles = 0;
      } catch (error) {
        consumer = undefined;
        await trouble(natsError(error, `pulling from ${stream}/${name}`));
      } finally {
        open = undefined;
      }
    }
  }

  function roomNow(): number {
    const free = Math.min(maxInFlight - inFlight.size, options.room?.() ?? Number.POSITIVE_INFINITY);
    if (outage.pauseMs === 0) return free;
    return inFlight.size === 0 ? Math.min(1, free) : 0;
  }

  async function trouble(error: AppError): Promise<void> {
    if (stopping.signal.aborted) return;
    if (code !== error.code) log.warn({ code: error.code, err: error }, 'pull loop in trouble, goes on trying');
    become('troubled', error.code);
    troubles += 1;
    await goBell.wait(backoffMs(troubles, TROUBLE, random));
  }

  function become(next: LoopState, nextCode: string | null = null): void {
    if (stopping.signal.aborted && next !== 'stopping' && next !== 'stopped') return;
    if (state === 'troubled' && next === 'pulling') log.info({ code }, 'pull loop out of trouble');
    state = next;
    code = nextCode;
  }

  function take(js: JsMsg): void {
    troubles = 0;
    // More than was asked for comes when the client renews a pull after a reconnect and the old one is answered too.
    if (stopping.signal.aborted || inFlight.size >= maxInFlight) {
      counts.handedBack += 1;
      putBack(js, HAND_BACK_MS);
      return;
    }
    counts.taken += 1;
    const holding = hold(js, { ackWaitMs: 3 * workingEveryMs, awake });
    const running: Running = { js, holding, done: Promise.resolve() };
    inFlight.add(running);
    running.done = handleOne(js, holding).finally(() => {
      holding[Symbol.dispose]();
      inFlight.delete(running);
      roomBell.ring();
    });
  }

  /** Never rejects. */
  async function handleOne(js: JsMsg, holding: Holding): Promise<void> {
    const message = incomingMessage(js);
    const ofMessage = log.child({ streamSeq: message.streamSeq });
    try {
      await reached('taken', message);
      // What lay in the socket while this process stood still has long been given to somebody else.
      if (!holding.isOurs()) return leave(ofMessage);
      const verdict = await verdictOn(message, ofMessage);
      await reached('settling', message);
      if (!holding.isOurs()) return leave(ofMessage);
      counts[await settle(js, message, verdict, { deadLetters, log: ofMessage, random })] += 1;
      await reached('settled', message);
    } catch (error) {
      ofMessage.error({ code: codeOf(error), err: error }, 'message not settled: expecting it again');
    }
  }

  function leave(ofMessage: Log): void {
    counts.lost += 1;
    ofMessage.warn({ code: 'DELIVERY_LOST' }, 'stood still for too long: the message is left to whoever has it by now');
  }

  async function verdictOn(message: IncomingMessage, ofMessage: Log): Promise<Verdict> {
    const { streamSeq, deliveryCount } = message;
    try {
      const verdict = await handler(message, overdue.signal);
      if (outage.pauseMs > 0) goBell.ring();
      outage.succeeded();
      return verdict;
    } catch (error) {
      const verdict = verdictOfThrown(error, deliveryCount, random);
      ofMessage.warn({ code: codeOf(error), deliveryCount, err: error }, 'handler threw: putting the message back');
      counts.threw += 1;
      if (!overdue.signal.aborted) outage.failed(streamSeq);
      return verdict;
    }
  }

  async function drain(): Promise<{ left: number }> {
    stopping.abort();
    become('stopping');
    void open?.end();
    roomBell.ring();
    goBell.ring();
    const late = Promise.withResolvers<void>();
    overdue.signal.addEventListener('abort', () => late.resolve(), { once: true });
    await Promise.race([looping, late.promise]);
    await Promise.race([handled(), late.promise]);
    if (inFlight.size > 0) await endsWithin(handled(), GRACE_MS);
    const left = inFlight.size;
    for (const { js, holding } of inFlight) {
      holding[Symbol.dispose]();
      putBack(js, HAND_BACK_MS);
    }
    // So that what was handed back and nak'ed is with the server before anybody closes the connection.
    if (nats.state === 'connected') await endsWithin(nats.connection.flush(), GRACE_MS);
    reconnected[Symbol.dispose]();
    awake[Symbol.dispose]();
    become('stopped');
    log.info({ left, counts }, 'pull loop stopped');
    drained.resolve();
    return { left };
  }

  async function handled(): Promise<void> {
    await Promise.all(Array.from(inFlight, ({ done }) => done));
  }

  let stopped: Promise<{ left: number }> | undefined;
  const stop = async (deadlineMs = STOP_DEADLINE_MS): Promise<{ left: number }> => {
    const giveUp = () => overdue.abort(new AppError('STOPPING', 'the pull loop is stopping'));
    const timer = setTimeout(giveUp, deadlineMs);
    try {
      return await (stopped ??= drain());
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    wake: () => roomBell.ring(),
    status: () => ({
      consumer: name,
      state,
      code,
      inFlight: inFlight.size,
      pauseMs: outage.pauseMs,
      counts: { ...counts },
    }),
    stop,
    drained: drained.promise,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
