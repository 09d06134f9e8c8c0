// A process for the command line: what it is given, what it wrote, and dependencies that fail the test when they are used unasked.
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { CliDeps, Io, StopSignal } from '../../../workers/cli/deps.ts';
import { runCli } from '../../../workers/cli/run.ts';

export const HOME = join(import.meta.dirname, '..', '..', '..');

export const SERVERS = {
  MILLRACE_STORE_ENDPOINT: 'http://127.0.0.1:9000',
  MILLRACE_STORE_ACCESS_KEY: 'access',
  MILLRACE_STORE_SECRET_KEY: 'secret-of-the-store',
  MILLRACE_NATS_URL: 'nats://127.0.0.1:4222',
  MILLRACE_DATABASE_URL: 'postgres://u:secret-of-the-index@127.0.0.1/x',
};

export interface FakeProcess {
  readonly io: Io;
  readonly out: () => string;
  readonly err: () => string;
  readonly exits: readonly number[];
  signal(name: StopSignal): void;
  listeners(): number;
}

export interface FakeOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdout?: NodeJS.WritableStream;
}

export function fakeProcess(
  args: readonly string[],
  { env = SERVERS, cwd = '/nowhere', stdout }: FakeOptions = {},
): FakeProcess {
  const signals = new EventEmitter();
  const out = collector();
  const err = collector();
  const exits: number[] = [];
  const io: Io = {
    args,
    env,
    cwd,
    hostname: 'host-1',
    home: HOME,
    stdout: stdout ?? out.stream,
    stderr: err.stream,
    onSignal(listener) {
      signals.on('signal', listener);
      return () => signals.off('signal', listener);
    },
    exit: (code) => void exits.push(code),
  };
  return {
    io,
    out: out.text,
    err: err.text,
    exits,
    signal: (name) => void signals.emit('signal', name),
    listeners: () => signals.listenerCount('signal'),
  };
}

function collector() {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

function unasked(name: string) {
  return () => {
    throw new Error(`${name} was not to be called`);
  };
}

export function fakeDeps(own: Partial<CliDeps> = {}): CliDeps {
  return {
    startProcessor: unasked('startProcessor'),
    startKeeper: unasked('startKeeper'),
    startPlanner: unasked('startPlanner'),
    runStack: unasked('runStack'),
    provision: unasked('provision'),
    sweep: unasked('sweep'),
    doctor: unasked('doctor'),
    openDesk: unasked('openDesk'),
    openPassDesk: unasked('openPassDesk'),
    estimateBackfill: unasked('estimateBackfill'),
    openOperator: unasked('openOperator'),
    ...own,
  };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function ran(
  args: readonly string[],
  deps: Partial<CliDeps> = {},
  options: FakeOptions = {},
): Promise<Ran> {
  const process = fakeProcess(args, options);
  const code = await runCli(process.io, fakeDeps(deps));
  return { code, out: process.out(), err: process.err() };
}
