// JetStream in memory, as far as the pool depends on it: at least once, never in a promised order. An un-acked message comes again after
// its ack wait, a late ack counts (measured: jetstream accepts it from whoever held the message first), a message id is one message
// within the duplicate window.
import type { Process, Scheduler } from '../scheduler.ts';

export interface Delivery<Body> {
  /** `<stream>:<sequence>`. */
  readonly messageId: string;
  readonly subject: string;
  readonly body: Body;
  /** 1 = first. */
  readonly count: number;
  readonly deliveredAtMs: number;
  readonly ack: () => void;
  nak(delayMs: number): void;
  working(): void;
}

export interface MemoryConsumer<Body> {
  /** The next message for whoever asks; never settles for a process that died. */
  next(process: Process): Promise<Delivery<Body>>;
  /** Neither acked nor gone. */
  readonly unsettled: () => readonly string[];
  /** The consumer was made anew: everything the stream has comes again, as first deliveries. */
  replay(): void;
}

export interface MemoryStream<Body> {
  publish(subject: string, body: Body, messageId?: string): void;
  consumer(filter: (subject: string) => boolean): MemoryConsumer<Body>;
}

const DUPLICATE_WINDOW_MS = 120_000;
export const ACK_WAIT_MS = 60_000;

interface Stored<Body> {
  readonly sequence: number;
  readonly subject: string;
  readonly body: Body;
}

export function createMemoryStream<Body>(name: string, scheduler: Scheduler): MemoryStream<Body> {
  const messages: Stored<Body>[] = [];
  const ids = new Map<string, number>();
  const offer: ((message: Stored<Body>) => void)[] = [];

  return {
    publish(subject, body, messageId) {
      if (messageId !== undefined) {
        const before = ids.get(messageId);
        if (before !== undefined && scheduler.now() - before < DUPLICATE_WINDOW_MS) return;
        ids.set(messageId, scheduler.now());
      }
      const message = { sequence: messages.length + 1, subject, body };
      messages.push(message);
      for (const give of offer) give(message);
    },
    consumer(filter) {
      const { give, consumer } = createConsumer<Body>(name, scheduler, () => messages.filter((m) => filter(m.subject)));
      offer.push((message) => {
        if (filter(message.subject)) give(message);
      });
      return consumer;
    },
  };
}

interface Outstanding {
  count: number;
  /** Brings it back; disposed when it is settled. */
  timer: Disposable | null;
}

function createConsumer<Body>(name: string, scheduler: Scheduler, all: () => readonly Stored<Body>[]) {
  const { random } = scheduler;
  const waiting: Stored<Body>[] = [];
  const outstanding = new Map<number, Outstanding>();
  let asking: { process: Process; take: (delivery: Delivery<Body>) => void }[] = [];

  function give(message: Stored<Body>): void {
    outstanding.set(message.sequence, { count: 0, timer: null });
    offerAgain(message);
  }

  function offerAgain(message: Stored<Body>): void {
    waiting.push(message);
    match();
  }

  function match(): void {
    asking = asking.filter(({ process }) => process.alive);
    while (waiting.length > 0 && asking.length > 0) {
      // Mostly the oldest; others overtake, as they do between several servers, redeliveries and naks.
      const at = random.chance(0.7) ? 0 : random.below(waiting.length);
      const [message] = waiting.splice(at, 1);
      const [asker] = asking.splice(random.below(asking.length), 1);
      if (message === undefined || asker === undefined) return;
      deliver(message, asker.process, asker.take);
    }
  }

  function deliver(message: Stored<Body>, process: Process, take: (delivery: Delivery<Body>) => void): void {
    const { sequence, subject, body } = message;
    const state = outstanding.get(sequence);
    if (state === undefined) return;
    state.count++;
    const { count } = state;
    comeBack(message, ACK_WAIT_MS);
    const delivery: Delivery<Body> = {
      messageId: `${name}:${sequence}`,
      subject,
      body,
      count,
      deliveredAtMs: scheduler.now(),
      ack: () => settle(sequence),
      nak: (delayMs) => {
        if (outstanding.get(sequence)?.count === count) comeBack(message, delayMs);
      },
      working: () => {
        if (outstanding.get(sequence)?.count === count) comeBack(message, ACK_WAIT_MS);
      },
    };
    scheduler.answer(process, `took ${name}:${sequence} (delivery ${count}) ${subject}`, () => take(delivery));
  }

  function comeBack(message: Stored<Body>, afterMs: number): void {
    const state = outstanding.get(message.sequence);
    if (state === undefined) return;
    withdraw(message.sequence);
    state.timer?.[Symbol.dispose]();
    state.timer = scheduler.later(`${name}:${message.sequence} comes again`, afterMs, () => {
      state.timer = null;
      if (outstanding.get(message.sequence) === state) offerAgain(message);
    });
  }

  function settle(sequence: number): void {
    outstanding.get(sequence)?.timer?.[Symbol.dispose]();
    outstanding.delete(sequence);
    withdraw(sequence);
  }

  function withdraw(sequence: number): void {
    const at = waiting.findIndex((message) => message.sequence === sequence);
    if (at >= 0) waiting.splice(at, 1);
  }

  const consumer: MemoryConsumer<Body> = {
    next: (process) =>
      new Promise((resolve) => {
        if (!process.alive) return;
        asking.push({ process, take: resolve });
        match();
      }),
    unsettled: () => [...outstanding.keys()].map((sequence) => `${name}:${sequence}`),
    replay() {
      for (const { sequence } of all()) settle(sequence);
      for (const message of all()) give(message);
    },
  };
  return { give, consumer };
}
