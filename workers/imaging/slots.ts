// Who may render next: live and urgent alike in their order, bulk only while it leaves the others a slot or they have no work.
import type { Lane } from '../model/subjects.ts';

export interface Slot {
  /** May be called twice. */
  readonly release: () => void;
}

export interface SlotsOptions {
  readonly size: number;
  /** Whether live or urgent work waits anywhere: asked before bulk is given the last slot. */
  readonly othersPending: () => boolean;
  /** How often that is asked again while bulk waits for a slot that is free. */
  readonly recheckMs?: number;
}

export interface Slots {
  /** How many are taken. */
  readonly busy: number;
  /** Null when none came free within `waitMs`, the signal fired, or `stop` was called. */
  take(lane: Lane, waitMs: number, signal: AbortSignal): Promise<Slot | null>;
  /** Everyone who waits gets null; so does everyone who comes later. */
  stop(): void;
}

interface Waiter {
  readonly isBulk: boolean;
  readonly settle: (slot: Slot | null) => void;
}

export function createSlots({ size, othersPending, recheckMs = 50 }: SlotsOptions): Slots {
  let free = size;
  let stopped = false;
  let recheck: NodeJS.Timeout | undefined;
  const waiters = new Set<Waiter>();

  const next = (): Waiter | undefined => {
    let bulk: Waiter | undefined;
    for (const waiter of waiters) {
      if (!waiter.isBulk) return waiter;
      bulk ??= waiter;
    }
    if (bulk === undefined || free > 1 || !othersPending()) return bulk;
    recheck ??= setTimeout(() => {
      recheck = undefined;
      handOut();
    }, recheckMs);
    return undefined;
  };

  const handOut = () => {
    while (free > 0) {
      const waiter = next();
      if (waiter === undefined) return;
      free -= 1;
      waiter.settle(createSlot());
    }
  };

  const createSlot = (): Slot => {
    let taken = true;
    return {
      release() {
        if (!taken) return;
        taken = false;
        free += 1;
        handOut();
      },
    };
  };

  return {
    get busy() {
      return size - free;
    },
    take(lane, waitMs, signal) {
      if (stopped || signal.aborted) return Promise.resolve(null);
      const { promise, resolve } = Promise.withResolvers<Slot | null>();
      const giveUp = () => waiter.settle(null);
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener('abort', giveUp);
      const waiter: Waiter = {
        isBulk: lane === 'bulk',
        settle(slot) {
          waiters.delete(waiter);
          clearTimeout(timer);
          signal.removeEventListener('abort', giveUp);
          if (waiters.size === 0) {
            clearTimeout(recheck);
            recheck = undefined;
          }
          resolve(slot);
        },
      };
      waiters.add(waiter);
      handOut();
      return promise;
    },
    stop() {
      stopped = true;
      for (const waiter of waiters) waiter.settle(null);
    },
  };
}
