// One object at a time: messages about the same object wait for each other, those about different objects never do.
//
// Every change arrives twice. Side by side, both copies look, wait for a slot and render; the second commit is then fenced and its render
// was for nothing (measured where a backlog is worked off: 1.4 renders an image). One after the other, the second finds nothing to do.

export interface Turns {
  /** Runs `work` when all that asked before for the same name have ended, however they did. */
  take<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    async take(name, work) {
      const before = last.get(name);
      const mine = before === undefined ? work() : before.then(work, work);
      last.set(name, mine);
      try {
        return await mine;
      } finally {
        if (last.get(name) === mine) last.delete(name);
      }
    },
  };
}
