// What every command is given: the process, the roles, and where its answer goes.
import type { CliDeps, Io } from './deps.ts';
import type { Output } from './output.ts';

export interface Session {
  readonly io: Io;
  readonly deps: CliDeps;
  readonly output: Output;
}
