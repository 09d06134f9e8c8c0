// Where a process is to be stopped, and how the test and the process agree on it: by files, which outlive both.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RenderPoint } from '../../workers/imaging/serve-renders.ts';
import { processIdentity } from '../../workers/local/process-identity.ts';
import type { LoopStep } from '../../workers/nats/pull-loop.ts';
import type { Step } from '../../workers/pipeline/ports.ts';
import { codeOf } from '../../workers/platform/errors.ts';

export type Lane = 'created' | 'removed' | 'planned';

/** The first process that gets there with this object waits until it is told how to go on. */
export interface Fault {
  /** File name; one fault happens once. */
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly at:
    | { readonly process: 'processor'; readonly lane: Lane; readonly step: Step | LoopStep; readonly nth?: number }
    | { readonly process: 'renderer'; readonly point: RenderPoint; readonly file?: string };
}

/** kill: SIGKILL · stop: SIGSTOP · stop-both: a renderer and its processor · go: as if nothing had been. */
export type Ending = 'kill' | 'stop' | 'stop-both' | 'go';

/** Who waits at the fault. */
export interface Fired {
  readonly pid: number;
  /** See `processIdentity`. */
  readonly identity: string;
  readonly parentPid: number;
  /** `EVENTS:17`; of a renderer null. */
  readonly messageId: string | null;
}

/** One line of the journal: a processor was at a step with a message. */
export interface JournalLine {
  readonly pid: number;
  readonly step: Step | LoopStep;
  readonly messageId: string;
  readonly lane: Lane;
  readonly bucket: string;
  readonly key: string;
}

const POLL_MS = 10;

/** What the test and its processes share below one folder. */
export function faultFiles(folder: string) {
  const fired = (id: string) => join(folder, `${id}.fired`);
  const release = (id: string) => join(folder, `${id}.release`);
  const plan = join(folder, 'plan.json');
  const journal = join(folder, 'journal.ndjson');
  mkdirSync(folder, { recursive: true });
  const lines: JournalLine[] = [];
  let readBytes = 0;
  return {
    writePlan: (faults: readonly Fault[]) => writeFileSync(plan, JSON.stringify(faults)),
    readPlan: () => JSON.parse(readFileSync(plan, 'utf8')) as readonly Fault[],
    /** Null: it has not happened yet. */
    fired(id: string): Fired | null {
      const text = existsSync(fired(id)) ? readFileSync(fired(id), 'utf8') : '';
      return text.endsWith('\n') ? (JSON.parse(text) as Fired) : null;
    },
    release: (id: string, ending: Ending) => writeFileSync(release(id), `${ending}\n`),
    /** True for the one process that is the first. */
    fire(id: string, who: Fired): boolean {
      try {
        writeFileSync(fired(id), `${JSON.stringify(who)}\n`, { flag: 'wx' });
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      }
    },
    async released(id: string): Promise<Ending> {
      for (;;) {
        const text = existsSync(release(id)) ? readFileSync(release(id), 'utf8') : '';
        if (text.endsWith('\n')) return text.trim() as Ending;
        await delay(POLL_MS);
      }
    },
    note: (line: JournalLine) => appendFileSync(journal, `${JSON.stringify(line)}\n`),
    /** As far as it has been written; only what is new is read. */
    journal(): readonly JournalLine[] {
      if (!existsSync(journal)) return [];
      const fresh = readFileSync(journal).subarray(readBytes);
      const whole = fresh.subarray(0, fresh.lastIndexOf('\n') + 1);
      readBytes += whole.length;
      for (const line of whole.toString().split('\n').slice(0, -1)) lines.push(JSON.parse(line) as JournalLine);
      return lines;
    },
  };
}

export type FaultFiles = ReturnType<typeof faultFiles>;

/** In the process that is to be stopped: waits to be told how, and does it. Returns only for `go`, or after a SIGCONT. */
export async function meet(files: FaultFiles, fault: Fault, messageId: string | null): Promise<void> {
  const { pid, ppid: parentPid } = process;
  if (!files.fire(fault.id, { pid, identity: processIdentity(pid) ?? '', parentPid, messageId })) return;
  const ending = await files.released(fault.id);
  if (ending === 'go') return;
  if (ending === 'stop-both') process.kill(process.ppid, 'SIGSTOP');
  process.kill(process.pid, ending === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}
