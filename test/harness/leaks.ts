// No test may leave a process behind: neither when it passes, nor when it is killed half-way.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createLastResort } from '../../workers/local/last-resort.ts';
import { childrenOf } from '../../workers/local/process-identity.ts';
import type { Server } from '../../workers/local/server.ts';

let lastResort: ReturnType<typeof createLastResort> | undefined;

/** Fails where a child of this test process is alive; call it last. */
export function assertNoChildren(): void {
  const alive = childrenOf(process.pid).map((pid) => `${pid} ${commandOf(pid)}`);
  assert.deepEqual(alive, [], 'children of the test process are still alive');
}

/** Kills the server should this process end, or be ended, without having stopped it. */
export function killAtExit(server: Server): void {
  lastResort ??= watchOver();
  lastResort.add(server);
}

function watchOver() {
  const watching = createLastResort(({ pid }) => {
    process.stderr.write(`not stopped by its test, killed now: ${pid} ${commandOf(pid)}\n`);
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      watching.killAll();
      process.kill(process.pid, signal); // `once`: this time it ends us, with the right status
    });
  }
  return watching;
}

function commandOf(pid: number): string {
  return process.platform === 'linux' ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') : '';
}
