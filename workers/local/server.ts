// A child that can be started again with the same port and data: what tests of faults, and the local stack, need of a server.
import type { Child } from './child.ts';

/** What a Child says is of the process that runs now. */
export interface Server extends Child {
  /** Stops it if it runs, and starts it with the same settings; resolves when it is ready. */
  restart(): Promise<void>;
}

/** `startAgain` gives a new child that is ready; `connection` says how to reach it and becomes part of the handle. */
export async function startServer<C extends object>(
  startAgain: () => Promise<Child>,
  connection: Readonly<C>,
): Promise<Server & Readonly<C>> {
  let child = await startAgain();
  const server: Server = {
    get pid() {
      return child.pid;
    },
    get isRunning() {
      return child.isRunning;
    },
    get logFile() {
      return child.logFile;
    },
    get exited() {
      return child.exited;
    },
    stop: (signal) => child.stop(signal),
    kill9: () => child.kill9(),
    pause: () => child.pause(),
    resume: () => child.resume(),
    restart: async () => {
      await child.stop();
      child = await startAgain();
    },
    [Symbol.asyncDispose]: () => child.stop(),
  };
  return Object.assign(server, connection);
}
