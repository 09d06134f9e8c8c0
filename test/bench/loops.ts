// The loops that the pool is measured against, each a process of its own that lives through all rounds.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { childEnv } from '../../workers/local/child-env.ts';
import type { Limits } from '../../workers/model/desired.ts';
import type { Preset } from '../../workers/model/preset.ts';
import type { StoreConfig } from '../../workers/objects/signed-request.ts';

/** pipeline: pull, GET, render, fsync, ackAck · bare: render of local files · naive: three sharp pipelines for each local file. */
export type LoopKind = 'pipeline' | 'bare' | 'naive';

export interface LoopSetup {
  readonly kind: LoopKind;
  /** Pictures at a time. */
  readonly inFlight: number;
  readonly presets: readonly Preset[];
  readonly limits: Limits;
  /** Of the pipeline. */
  readonly pipeline: PipelineSetup;
}

export interface PipelineSetup {
  readonly natsUrl: string;
  readonly stream: string;
  readonly consumer: string;
  readonly store: StoreConfig;
  /** Sets are written below it. */
  readonly outputFolder: string;
}

/** Paths of local files; the pipeline only counts them, its pictures come by messages. */
export interface LoopOrder {
  readonly files: readonly string[];
}

export interface LoopResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface Loop extends AsyncDisposable {
  readonly kind: LoopKind;
  run(order: LoopOrder): Promise<LoopResult>;
}

export async function startLoop(setup: LoopSetup): Promise<Loop> {
  const { kind, inFlight } = setup;
  // What a sharp worker that nobody tuned runs with is the environment's own; the tuned ones have what our renderers have.
  const tuned = { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: String(inFlight * 2 + 4) };
  const child = fork(fileURLToPath(new URL('./loop-child.ts', import.meta.url)), [], {
    execArgv: [],
    env: childEnv(kind === 'naive' ? {} : { ...tuned }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = (message: LoopSetup | LoopOrder) => answerOf(child, kind, message);
  await ask(setup);
  return {
    kind,
    run: async (order) => (await ask(order)) as LoopResult,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function answerOf(child: ChildProcess, kind: LoopKind, message: LoopSetup | LoopOrder): Promise<unknown> {
  const over = new AbortController();
  const ended = once(child, 'exit', { signal: over.signal }).then(([code]) => {
    throw new Error(`the ${kind} loop ended with exit code ${String(code)}`);
  });
  try {
    const answer = once(child, 'message', { signal: over.signal });
    child.send(message);
    const [said]: unknown[] = await Promise.race([answer, ended]);
    return said;
  } finally {
    over.abort();
    ended.catch(() => undefined);
  }
}
