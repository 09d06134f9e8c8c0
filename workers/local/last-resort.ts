// Kills what was started here should this process exit without having stopped it: on a forced exit, or a crash.
import type { Server } from './server.ts';

export interface LastResort extends Disposable {
  add(server: Server): void;
}

/** `onKill` is told of each server that had to be killed. Disposing forgets them all. */
export function createLastResort(onKill: (server: Server) => void = () => {}): LastResort & { killAll(): void } {
  const servers = new Set<Server>();
  const killAll = () => {
    for (const server of servers) {
      if (!server.isRunning) continue;
      onKill(server);
      process.kill(server.pid, 'SIGKILL'); // nothing asynchronous runs in an exit handler
    }
    servers.clear();
  };
  process.on('exit', killAll);
  return {
    add: (server) => void servers.add(server),
    killAll,
    [Symbol.dispose]: () => {
      servers.clear();
      process.off('exit', killAll);
    },
  };
}
