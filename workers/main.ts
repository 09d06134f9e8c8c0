#!/usr/bin/env node
// argv → role or command: the only file that exits, reads argv, or handles signals. Roles are imported when one is asked for.
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { CliDeps, Io, StopSignal } from './cli/deps.ts';
import { runCli } from './cli/run.ts';
import { scrubText } from './platform/scrub.ts';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const io: Io = {
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  hostname: hostname(),
  home: dirname(import.meta.dirname),
  stdout: process.stdout,
  stderr: process.stderr,
  onSignal(listener) {
    for (const signal of SIGNALS) process.on(signal, listener);
    return () => {
      for (const signal of SIGNALS) process.off(signal, listener);
    };
  },
  exit: (code) => process.exit(code),
};

const deps: CliDeps = {
  startProcessor: async (...args) => (await import('./roles/processor.ts')).startProcessor(...args),
  startKeeper: async (...args) => (await import('./roles/keeper.ts')).startKeeper(...args),
  startPlanner: async (...args) => (await import('./roles/planner.ts')).startPlanner(...args),
  runStack: async (...args) => (await import('./roles/run-stack.ts')).runStack(...args),
  provision: async (...args) => (await import('./roles/provision.ts')).provision(...args),
  sweep: async (...args) => (await import('./roles/sweep.ts')).sweep(...args),
  async *doctor(...args) {
    yield* (await import('./roles/doctor.ts')).doctor(...args);
  },
  openDesk: async (...args) => (await import('./roles/desk.ts')).openDesk(...args),
  openPassDesk: async (...args) => (await import('./roles/pass-desk.ts')).openPassDesk(...args),
  estimateBackfill: async (...args) => (await import('./roles/pass-desk.ts')).estimateBackfill(...args),
  openOperator: async (...args) => (await import('./roles/operator.ts')).openOperator(...args),
};

// Node's own report of an uncaught error could show a presigned URL.
process.on('uncaughtException', (error: unknown) => {
  process.stderr.write(scrubText(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`));
  process.exit(1);
});

process.exit(await runCli(io, deps));
