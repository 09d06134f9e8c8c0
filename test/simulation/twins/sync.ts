// An in-memory twin is written without a promise in it; this gives it the promises its port has.

/** A port whose methods answer at once: what a twin implements. Streams are arrays. */
export type Sync<Port> = {
  readonly [K in keyof Port]: Port[K] extends (...args: infer A) => Promise<infer R>
    ? (...args: A) => R
    : Port[K] extends (...args: infer A) => AsyncIterable<infer R>
      ? (...args: A) => readonly R[]
      : Port[K];
};

/** How a call of a twin is made to wait. */
export type Suspend = <T>(label: string, effect: () => T) => Promise<T>;

/** The twin as its port, for the contract suites: nothing waits. */
export const atOnce: Suspend = async (_label, effect) => effect();

/** A twin without streams as its port. */
export function promised<Port extends object>(twin: Sync<Port>): Port {
  const entries = Object.entries<(...args: unknown[]) => unknown>(
    twin as Record<string, (...args: unknown[]) => unknown>,
  );
  return Object.fromEntries(
    entries.map(([name, method]) => [name, async (...args: unknown[]) => method(...args)]),
  ) as Port;
}
