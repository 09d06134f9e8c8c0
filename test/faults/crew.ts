// Processors as child processes: who dies is replaced, and how each one ended is remembered.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../../workers/local/child.ts';
import { childEnv } from '../../workers/local/child-env.ts';
import { processIdentity } from '../../workers/local/process-identity.ts';
import { type Server, startServer } from '../../workers/local/server.ts';
import { eventually } from '../harness/eventually.ts';
import { killAtExit } from '../harness/leaks.ts';

export interface CrewOptions {
  /** Logs go below it. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Crew extends AsyncDisposable {
  /** So many more processors, which are replaced when they die. */
  hire(count: number): Promise<void>;
  running(): readonly Server[];
  of(pid: number): Server;
  /** The death of this process is the test's own doing. */
  expectDeath(pid: number): void;
  /** SIGTERM to all; resolves with what nobody expected: deaths while it ran, exit codes other than 0. */
  dismiss(): Promise<readonly string[]>;
}

const ENTRY = join(import.meta.dirname, 'processor-entry.ts');
const STOP_TIMEOUT_MS = 30_000;

export function createCrew({ folder, env }: CrewOptions): Crew {
  const members: Server[] = [];
  const expected = new Set<number>();
  const complaints: string[] = [];
  let dismissed = false;
  const starting = new Set<Promise<void>>();

  async function hireOne(): Promise<void> {
    const name = `processor-${members.length + starting.size + 1}`;
    const start = () =>
      startChild({
        name,
        command: process.execPath,
        args: [ENTRY],
        env: childEnv(env),
        folder,
        isReady: () => true,
        stopTimeoutMs: STOP_TIMEOUT_MS,
      });
    const member = await startServer(start, {});
    killAtExit(member);
    members.push(member);
    void watch(name, member);
  }

  async function watch(name: string, member: Server): Promise<void> {
    const { pid } = member;
    const { code, signal } = await member.exited;
    if (dismissed) {
      if (code !== 0) complaints.push(`${name} (${pid}) ended with ${signal ?? code}, its log is ${member.logFile}`);
      return;
    }
    if (!expected.has(pid)) {
      const end = readFileSync(member.logFile, 'utf8').split('\n').slice(-4).join('\n');
      complaints.push(`${name} (${pid}) ended with ${signal ?? code} while nobody told it to: ${end}`);
    }
    await hire(1);
  }

  async function hire(count: number): Promise<void> {
    const some = Array.from({ length: count }, () => {
      const one = hireOne().finally(() => starting.delete(one));
      starting.add(one);
      return one;
    });
    await Promise.all(some);
  }

  const crew: Crew = {
    hire,
    running: () => members.filter(({ isRunning }) => isRunning),
    of(pid) {
      const member = members.find((one) => one.pid === pid);
      if (member === undefined) throw new Error(`no processor has pid ${pid}`);
      return member;
    },
    expectDeath: (pid) => void expected.add(pid),
    async dismiss() {
      dismissed = true;
      await Promise.allSettled(starting);
      await Promise.all(members.map((member) => member.stop()));
      return complaints;
    },
    async [Symbol.asyncDispose]() {
      await crew.dismiss();
    },
  };
  return crew;
}

export async function untilStopped(pid: number): Promise<void> {
  await eventually(() => stateOf(pid) === 'T', { what: `process ${pid} to be stopped` });
}

export async function untilGone(pid: number): Promise<void> {
  await eventually(() => processIdentity(pid) === undefined, { what: `process ${pid} to be gone` });
}

/** The letter of ps: T is stopped. */
function stateOf(pid: number): string {
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })[0] ?? '';
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
}
