// One renderer child as its parent sees it: started, given one render at a time, watched, killed.
import { fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { RenderJob, RenderResult } from '../model/render.ts';
import { chainOf, codeOf } from '../platform/errors.ts';
import type { FromChild, Phase, ToChild } from './ipc.ts';
import { watchMemory } from './memory-watch.ts';
import { startClock } from './pausable-clock.ts';

export interface RendererProcessOptions {
  readonly entry: URL;
  readonly execArgv: readonly string[];
  /** The whole environment: what decodes hostile bytes is told no secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** At a lower priority of the operating system; for good, as raising it takes rights we may not have. */
  readonly isLow: boolean;
  readonly largePermit: (signal: AbortSignal) => Promise<AsyncDisposable>;
}

export interface RendererProcess {
  readonly pid: number;
  readonly isLow: boolean;
  /** Resolves when the process is gone and its output is read. */
  readonly exited: Promise<void>;
  /** False as soon as it is dead, dying, or was never born. */
  readonly isAlive: boolean;
  /** Renders it has begun. */
  readonly renders: number;
  /** After its last render. */
  readonly rssBytes: number;
  /** One at a time. Never rejects; after anything but an answer of its own the process is dead. */
  render(job: RenderJob, signal: AbortSignal): Promise<RenderResult>;
  kill(): void;
}

/** A process stuck in the kernel (a volume that hangs) outlives SIGKILL; its render does not wait for it. */
const KILL_GRACE_MS = 2_000;
const LOW_PRIORITY = 10;
const STDERR_KEPT = 4_000;

type Ending = 'timeout' | 'memory' | 'cancelled' | 'no-permit';

export function startRendererProcess(options: RendererProcessOptions): RendererProcess {
  const child = fork(fileURLToPath(options.entry), [], {
    execArgv: [...options.execArgv],
    env: { ...options.env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'json',
  });
  const gone = Promise.withResolvers<void>();
  let isAlive = child.pid !== undefined;
  let renders = 0;
  let rssBytes = 0;
  let complaint = '';
  let onMessage: (message: FromChild) => void = () => {};

  child.on('message', (message: FromChild) => onMessage(message));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-STDERR_KEPT);
  });
  child.once('error', (error) => {
    complaint ||= error.message;
    if (child.pid === undefined) gone.resolve();
  });
  child.once('exit', () => {
    isAlive = false;
  });
  child.once('close', () => gone.resolve());
  if (options.isLow && child.pid !== undefined) lowerPriority(child.pid);

  /** An idle child must not keep its parent from ending. */
  const holdParent = (hold: boolean) => {
    const method = hold ? 'ref' : 'unref';
    child[method]();
    child.channel?.[method]();
  };
  (child.stderr as Socket | null)?.unref();
  holdParent(false);

  const kill = () => {
    isAlive = false;
    child.kill('SIGKILL');
  };

  const send = (message: ToChild) => {
    // Where the channel is broken the process is dead, and its end settles the render.
    if (child.connected) child.send(message, (error) => void error);
  };

  return {
    pid: child.pid ?? 0,
    isLow: options.isLow,
    exited: gone.promise,
    get isAlive() {
      return isAlive;
    },
    get renders() {
      return renders;
    },
    get rssBytes() {
      return rssBytes;
    },
    kill,
    async render(job, signal) {
      renders += 1;
      let phase: Phase = 'starting';
      let ending: Ending | undefined;
      const settled = Promise.withResolvers<RenderResult>();
      const { limits } = job;
      const over = new AbortController();
      await using permits = new AsyncDisposableStack();

      const settle = () => settled.resolve(resultOf(ending, phase, job, howItEnded(child, complaint)));
      const end = (reason: Ending) => {
        if (ending !== undefined) return;
        ending = reason;
        kill();
        graceTimer = setTimeout(settle, KILL_GRACE_MS);
      };
      let graceTimer: NodeJS.Timeout | undefined;
      using clock = startClock(limits.renderTimeoutS * 1000, () => end('timeout'));
      using _memory = watchMemory(child.pid ?? 0, limits.renderMaxMemoryMb, () => end('memory'));
      const cancel = () => end('cancelled');

      const waitForPermit = async () => {
        clock.pause();
        try {
          const permit = await options.largePermit(over.signal);
          if (over.signal.aborted) return await permit[Symbol.asyncDispose]();
          permits.use(permit);
        } catch (error) {
          complaint = chainOf(error);
          return end('no-permit');
        }
        clock.resume();
        send({ kind: 'permit' });
      };

      onMessage = (message) => {
        switch (message.kind) {
          case 'phase':
            phase = message.phase;
            if (phase === 'downloading') clock.restart(); // the child's own start is not the picture's time
            break;
          case 'large':
            void waitForPermit();
            break;
          case 'done':
            ({ rssBytes } = message);
            if (ending === undefined) settled.resolve(message.result);
        }
      };

      holdParent(true);
      void gone.promise.then(settle);
      if (signal.aborted) cancel();
      else {
        signal.addEventListener('abort', cancel);
        send({ kind: 'render', job });
      }
      try {
        return await settled.promise;
      } finally {
        onMessage = () => {};
        signal.removeEventListener('abort', cancel);
        clearTimeout(graceTimer);
        over.abort();
        holdParent(false);
      }
    },
  };
}

function howItEnded(child: { exitCode: number | null; signalCode: NodeJS.Signals | null }, complaint: string): string {
  const how = child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`;
  // Without the stack of an exception, which is longer than what it says.
  const said = complaint.replace(/^ +at .*\n?/gm, '').trim();
  return said === '' ? how : `${how}: ${said.slice(-600)}`;
}

/** Whose fault the end of a child was: before it decodes nobody's, while it decodes the picture's, while it waits for the volume the volume's. */
function resultOf(ending: Ending | undefined, phase: Phase, { limits }: RenderJob, how: string): RenderResult {
  const isEarly = phase === 'starting' || phase === 'downloading';
  switch (ending) {
    case 'cancelled':
      return { kind: 'cancelled' };
    case 'no-permit':
      return {
        kind: 'source-failed',
        code: 'NO_LARGE_PERMIT',
        message: `the permit for a large picture could not be had: ${how}`,
      };
    case 'memory':
      return {
        kind: 'died',
        code: 'RENDERER_OUT_OF_MEMORY',
        message: `the renderer took more than ${limits.renderMaxMemoryMb} MB while ${phase}`,
      };
    case 'timeout': {
      const message = `not done within ${limits.renderTimeoutS} s, while ${phase}`;
      if (isEarly) return { kind: 'source-failed', code: 'DOWNLOAD_TIMED_OUT', message };
      if (phase === 'writing') return { kind: 'storage-failed', code: 'WRITE_TIMED_OUT', message };
      return { kind: 'timed-out', message };
    }
    case undefined:
      if (isEarly) return { kind: 'source-failed', code: 'RENDERER_DIED_EARLY', message: how };
      return { kind: 'died', code: 'RENDERER_DIED', message: `while ${phase}: ${how}` };
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, LOW_PRIORITY);
  } catch (error) {
    if (codeOf(error) !== 'ERR_SYSTEM_ERROR') throw error; // it is gone already, or the system does not let us
  }
}
