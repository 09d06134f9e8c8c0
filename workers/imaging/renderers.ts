// The pool of renderer children: started when first needed, one render each at a time, replaced when they die or have grown.
// Nothing in the parent decodes, or touches a volume's file system: a volume that hangs must not pin it.
import type { RenderJob, RenderResult } from '../model/render.ts';
import type { Lane } from '../model/subjects.ts';
import { chainOf, codeOf } from '../platform/errors.ts';
import { decoderVersions } from './decoders.ts';
import { rendererCount } from './renderer-count.ts';
import { startRendererProcess, type RendererProcess } from './renderer-process.ts';
import { createSlots } from './slots.ts';

export interface RenderersOptions {
  /** Renders, and children, at a time; `rendererCount()` by default. */
  readonly size?: number;
  /** A host has one permit for pictures above `limits.largePictureMegapixels`. The signal fires when it is not wanted any more. */
  readonly largePermit: (signal: AbortSignal) => Promise<AsyncDisposable>;
  /** Whether live or urgent work waits: bulk then leaves it the last slot. */
  readonly othersPending: () => boolean;
  /** Of the children; a test's own entry calls `serveRenders` with hooks. */
  readonly entry?: URL;
  readonly execArgv?: readonly string[];
  /** Added to the children's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A child that holds more than this between two renders is replaced. */
  readonly recycleRssMb?: number;
  readonly recycleAfterRenders?: number;
  readonly log?: { debug(keys: object, message: string): void; warn(keys: object, message: string): void };
}

export interface RenderSlot {
  /** Never rejects for anything that the picture or the volume did. Aborting the signal kills the render: `cancelled`. */
  render(job: RenderJob, signal: AbortSignal): Promise<RenderResult>;
  /** May be called twice. */
  release(): void;
}

export interface RendererPool extends AsyncDisposable {
  readonly decoders: string;
  readonly size: number;
  /** How many of `size` render now, or are about to. */
  readonly busy: number;
  /** Pids of the children that live, for measurements and tests. */
  pids(): readonly number[];
  takeSlot(lane: Lane, waitMs: number, signal: AbortSignal): Promise<RenderSlot | null>;
  /** Waits for no render: what runs is `cancelled`. Resolves when every child is gone. */
  stop(): Promise<void>;
}

/** Measured after 12 MP: 170 MB for JPEG, 280–350 MB for HEIC, whose WebAssembly memory only grows. */
const RECYCLE_RSS_MB = 400;
const RECYCLE_AFTER_RENDERS = 5_000;
const STOP_TIMEOUT_MS = 5_000;
/** A child makes hardly any JavaScript garbage; its pictures are outside the heap. */
const SMALL_HEAP = ['--max-semi-space-size=2'];

export function createRenderers(options: RenderersOptions): RendererPool {
  const size = options.size ?? rendererCount();
  const slots = createSlots({ size, othersPending: options.othersPending });
  const stopping = new AbortController();
  const living = new Set<RendererProcess>();
  /** The one used last is at the end, and is used first: its memory is warm. */
  const idle: RendererProcess[] = [];
  let isQuarantineTaken = false;

  /** A permit that cannot be given back is its semaphore's trouble (it expires there), not the render's. */
  const largePermit = async (signal: AbortSignal): Promise<AsyncDisposable> => {
    const permit = await options.largePermit(signal);
    return {
      async [Symbol.asyncDispose]() {
        try {
          await permit[Symbol.asyncDispose]();
        } catch (error) {
          options.log?.warn({ code: codeOf(error), error: chainOf(error) }, 'large permit not given back');
        }
      },
    };
  };

  const forgetWhenGone = async (renderer: RendererProcess) => {
    await renderer.exited;
    living.delete(renderer);
    remove(idle, renderer);
  };

  const start = (isLow: boolean): RendererProcess => {
    const renderer = startRendererProcess({
      entry: options.entry ?? new URL('./renderer-child.ts', import.meta.url),
      execArgv: options.execArgv ?? SMALL_HEAP,
      env: { ...childEnv(process.env), ...options.env },
      isLow,
      largePermit,
    });
    living.add(renderer);
    options.log?.debug({ pid: renderer.pid, isLow }, 'renderer started');
    void forgetWhenGone(renderer);
    return renderer;
  };

  const take = (isLow: boolean, isFresh: boolean): RendererProcess => {
    const usable = idle.findLast((renderer) => renderer.isAlive && renderer.isLow === isLow);
    if (usable !== undefined && !isFresh) {
      remove(idle, usable);
      return usable;
    }
    // The two priorities share the seats: the one idle longest makes room.
    if (count(living) >= size) idle.shift()?.kill();
    return start(isLow);
  };

  const giveBack = (renderer: RendererProcess, isUsedUp: boolean) => {
    if (!renderer.isAlive) return;
    const hasGrown = renderer.rssBytes > (options.recycleRssMb ?? RECYCLE_RSS_MB) * 1024 * 1024;
    if (isUsedUp || hasGrown || renderer.renders >= (options.recycleAfterRenders ?? RECYCLE_AFTER_RENDERS)) {
      options.log?.debug(
        { pid: renderer.pid, rssBytes: renderer.rssBytes, renders: renderer.renders },
        'renderer ended',
      );
      renderer.kill();
    } else idle.push(renderer);
  };

  const renderNow = async (job: RenderJob, isLow: boolean, signal: AbortSignal): Promise<RenderResult> => {
    if (signal.aborted) return { kind: 'cancelled' };
    const renderer = take(isLow, job.quarantined);
    const result = await renderer.render(job, signal);
    if (result.kind === 'died' || result.kind === 'timed-out') {
      options.log?.warn({ ...job.ref, setId: job.setId, pid: renderer.pid, ...result }, 'renderer lost');
    }
    giveBack(renderer, job.quarantined);
    return result;
  };

  /** One at a time, so that a picture that takes its host's memory takes it alone. Others come again: waiting here they would hold slots that live work needs. */
  const renderAlone = async (job: RenderJob, isLow: boolean, signal: AbortSignal): Promise<RenderResult> => {
    if (isQuarantineTaken) {
      return { kind: 'source-failed', code: 'QUARANTINE_TAKEN', message: 'another picture is in quarantine here' };
    }
    isQuarantineTaken = true;
    try {
      return await renderNow(job, isLow, signal);
    } finally {
      isQuarantineTaken = false;
    }
  };

  const stop = async () => {
    stopping.abort();
    slots.stop();
    const all = [...living];
    for (const renderer of all) renderer.kill();
    await withDeadline(Promise.all(all.map((renderer) => renderer.exited)), STOP_TIMEOUT_MS);
  };

  return {
    decoders: decoderVersions(),
    size,
    get busy() {
      return slots.busy;
    },
    pids: () => [...living].filter((renderer) => renderer.isAlive).map((renderer) => renderer.pid),
    async takeSlot(lane, waitMs, signal) {
      const slot = await slots.take(lane, waitMs, signal);
      if (slot === null) return null;
      return {
        render(job, signal) {
          const either = AbortSignal.any([signal, stopping.signal]);
          return (job.quarantined ? renderAlone : renderNow)(job, lane === 'bulk', either);
        },
        release: slot.release,
      };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What a child needs to run and to speak TLS; two threads for the decode and its overlap, the rest for file system and DNS. */
function childEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const passed = [
    'PATH',
    'HOME',
    'TMPDIR',
    'TZ',
    'LANG',
    'LD_LIBRARY_PATH',
    'NODE_EXTRA_CA_CERTS',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
  ];
  return {
    ...Object.fromEntries(passed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    // 250 MB instead of 340 at the peak of two renders, at equal speed (measured).
    MALLOC_ARENA_MAX: '2',
    UV_THREADPOOL_SIZE: '6',
  };
}

function count(living: ReadonlySet<RendererProcess>): number {
  let alive = 0;
  for (const renderer of living) if (renderer.isAlive) alive += 1;
  return alive;
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}

/** A child stuck in the kernel is left behind: it is killed, and ends as soon as the kernel lets it. */
async function withDeadline(promise: Promise<unknown>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
