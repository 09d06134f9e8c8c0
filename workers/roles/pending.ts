// Whether live or urgent work waits on the server, from what each message says of those behind it.

export interface Pending {
  saw(consumer: string, messages: number): void;
  any(): boolean;
}

/** Another processor may have taken them since: after so long nothing is known any more, and bulk need not wait for it. */
const GOOD_FOR_MS = 3_000;

export function createPending(nowMs: () => number = () => performance.now()): Pending {
  const seen = new Map<string, { messages: number; atMs: number }>();
  return {
    saw(consumer, messages) {
      seen.set(consumer, { messages, atMs: nowMs() });
    },
    any() {
      for (const { messages, atMs } of seen.values()) if (messages > 0 && nowMs() - atMs < GOOD_FOR_MS) return true;
      return false;
    },
  };
}
