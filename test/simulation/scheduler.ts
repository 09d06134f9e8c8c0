// Decides who goes on next. Every port call of every simulated process waits here twice: before it takes effect on the world, and
// before its answer reaches the caller. Nothing else ever happens, so one seed is one history.
import { drainMicrotasks } from './drain.ts';
import type { Random } from './random.ts';

/** A simulated operating-system process: code that can be killed, or stopped and continued, between any two port calls. */
export interface Process {
  readonly name: string;
  alive: boolean;
  stopped: boolean;
  /** What reached it while it was stopped. */
  readonly held: Step[];
}

interface Step {
  readonly process: Process;
  readonly label: string;
  /** An effect happens to the world even while its process is stopped (the request had been sent); a continuation does not. */
  readonly effect: boolean;
  readonly run: () => void;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly step: Step;
  cancelled: boolean;
}

/** How rough the weather is; all zero after the faults have been healed. */
export interface Weather {
  /** That a call is refused (half of them after it took effect: the answer was lost). */
  refused: number;
  /** That an effect or an answer is late, by up to `latestMs`. */
  late: number;
  latestMs: number;
  /** That the clock leaps between two decisions, by up to `leapMs`: everybody was slow. */
  leap: number;
  leapMs: number;
}

/** Servers drop what they could not begin within their timeouts; half the ack wait, as the roles configure them. */
const SENT_LATEST_MS = 30_000;

export const CALM: Readonly<Weather> = { refused: 0, late: 0, latestMs: 0, leap: 0, leapMs: 0 };

export interface Scheduler {
  readonly random: Random;
  readonly weather: Weather;
  readonly now: () => number;
  /** How many decisions were made. */
  decisions(): number;
  process(name: string): Process;
  /** A port call: `effect` runs later, its answer arrives later still. Never settles once the process is dead. */
  call<T>(process: Process, label: string, effect: () => T, refusal?: () => Error): Promise<T>;
  /** Hands a value to a waiting process, as one continuation. */
  answer(process: Process, label: string, settle: () => void): void;
  sleep(process: Process, ms: number): Promise<void>;
  /** Something the world itself does later. */
  later(label: string, ms: number, run: () => void): Disposable;
  every(process: Process, ms: number, callback: () => Promise<void>): Disposable;
  kill(process: Process): void;
  stop(process: Process): void;
  resume(process: Process): void;
  /** One decision; false when nothing is left to happen. */
  step(): boolean;
  leap(ms: number): void;
  trace(line: () => string): void;
}

export interface SchedulerOptions {
  readonly random: Random;
  readonly startMs: number;
  readonly trace?: ((line: string) => void) | undefined;
}

export function createScheduler({ random, startMs, trace }: SchedulerOptions): Scheduler {
  const ready: Step[] = [];
  const timers = createTimers();
  const weather: Weather = { ...CALM };
  let nowMs = startMs;
  let decisions = 0;
  const world = process('world');

  function process(name: string): Process {
    return { name, alive: true, stopped: false, held: [] };
  }

  function enqueue(step: Step): void {
    // A process may be slow for any time; what it has sent to a server takes effect soon or never.
    const latestMs = step.effect ? Math.min(weather.latestMs, SENT_LATEST_MS) : weather.latestMs;
    if (random.chance(weather.late)) timers.add(nowMs + random.below(latestMs), step);
    else ready.push(step);
  }

  function call<T>(process: Process, label: string, effect: () => T, refusal?: () => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!process.alive) return;
      const fault = refusal !== undefined && random.chance(weather.refused) ? refusal : undefined;
      const takesEffect = fault === undefined || random.chance(0.5);
      enqueue({ process, label, effect: true, run: takeEffect });

      function takeEffect(): void {
        let settle: () => void;
        try {
          const value = takesEffect ? effect() : (undefined as T);
          settle = fault === undefined ? () => resolve(value) : () => reject(fault());
        } catch (error) {
          settle = () => reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (fault !== undefined)
          note(`${process.name}: ${label} ${takesEffect ? 'took effect, answer lost' : 'refused'}`);
        // Half of all answers come at once: schedules get shorter, and every interleaving stays possible.
        if (process.alive && !process.stopped && random.chance(0.5)) settle();
        else answer(process, label, settle);
      }
    });
  }

  function answer(process: Process, label: string, settle: () => void): void {
    if (process.alive) enqueue({ process, label, effect: false, run: settle });
  }

  function perform({ process, label, effect, run }: Step, step: Step): void {
    if (!effect) {
      if (!process.alive) return;
      if (process.stopped) {
        process.held.push(step);
        return;
      }
    }
    if (trace !== undefined)
      note(`${process.name}: ${label}${effect ? (process.alive ? '' : ' (its process is dead)') : ' answered'}`);
    run();
    drainMicrotasks();
  }

  function note(line: string): void {
    trace?.(`${((nowMs - startMs) / 1000).toFixed(3).padStart(10)} s  ${line}`);
  }

  return {
    random,
    weather,
    process,
    call,
    answer,
    now: () => nowMs,
    decisions: () => decisions,
    sleep: (process, ms) =>
      new Promise((resolve) => {
        timers.add(nowMs + ms, { process, label: 'sleep', effect: false, run: resolve });
      }),
    later(label, ms, run) {
      const timer = timers.add(nowMs + ms, {
        process: world,
        label,
        effect: true,
        run: () => timer.cancelled || run(),
      });
      return { [Symbol.dispose]: () => timers.cancel(timer) };
    },
    every(process, ms, callback) {
      let timer = arm();
      function arm(): Timer {
        return timers.add(nowMs + ms, { process, label: 'interval', effect: false, run: fire });
      }
      function fire(): void {
        if (timer.cancelled) return;
        timer = arm();
        void callback();
      }
      return { [Symbol.dispose]: () => timers.cancel(timer) };
    },
    kill(process) {
      process.alive = false;
      process.held.length = 0;
      // What it had sent is on its way, or was still in its own buffers.
      for (let at = ready.length - 1; at >= 0; at--) {
        if (ready[at]?.process === process && random.chance(0.5)) ready.splice(at, 1);
      }
    },
    stop(process) {
      process.stopped = true;
    },
    resume(process) {
      process.stopped = false;
      for (const step of process.held.splice(0)) ready.push(step);
    },
    step() {
      decisions++;
      nowMs += random.below(4);
      if (random.chance(weather.leap)) {
        const sent = ready.some(({ effect }) => effect);
        nowMs += random.below(sent ? Math.min(weather.leapMs, SENT_LATEST_MS) : weather.leapMs);
        if (trace !== undefined) note('the clock leapt');
      }
      timers.due(nowMs, ready);
      while (ready.length === 0) {
        const dueMs = timers.nextMs();
        if (dueMs === null) return false;
        nowMs = Math.max(nowMs, dueMs);
        timers.due(nowMs, ready);
      }
      const at = random.below(ready.length);
      const step = ready[at] as Step;
      const last = ready.pop() as Step;
      if (last !== step) ready[at] = last;
      perform(step, step);
      return true;
    },
    leap(ms) {
      nowMs += ms;
    },
    trace(line) {
      if (trace !== undefined) note(line());
    },
  };
}

/** A list ordered by due time, then by age. Short (some dozens), so insertion is a walk from the end. */
function createTimers() {
  const waiting: Timer[] = [];
  let order = 0;
  return {
    add(dueMs: number, step: Step): Timer {
      const timer: Timer = { dueMs, order: order++, step, cancelled: false };
      let at = waiting.length;
      while (at > 0 && (waiting[at - 1] as Timer).dueMs <= dueMs) at--;
      waiting.splice(at, 0, timer);
      return timer;
    },
    cancel(timer: Timer): void {
      timer.cancelled = true;
      const at = waiting.indexOf(timer);
      if (at >= 0) waiting.splice(at, 1);
    },
    /** Those due are ready, those of the dead forgotten. */
    due(nowMs: number, ready: Step[]): void {
      for (let last = waiting.at(-1); last !== undefined && last.dueMs <= nowMs; last = waiting.at(-1)) {
        waiting.pop();
        if (last.step.effect || last.step.process.alive) ready.push(last.step);
      }
    },
    nextMs(): number | null {
      return waiting.at(-1)?.dueMs ?? null;
    },
  };
}
