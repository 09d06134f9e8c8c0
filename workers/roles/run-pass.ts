// One pass, as a job runs it: the pipeline's sweep or backfill, with its checkpoint kept as the text that the job store holds.
import type { OpenIndex } from '../index/open-index.ts';
import type { RunningPass } from '../jobs/pass-worker.ts';
import type { Wanted } from '../model/desired.ts';
import type { BackfillRequest, PassCounts, PassProgress, SweepRequest } from '../model/pass.ts';
import { backfill, type BackfillCheckpoint } from '../pipeline/backfill.ts';
import { boundedWorkItems } from '../pipeline/bounded-work-items.ts';
import type { Objects, WorkItems } from '../pipeline/ports.ts';
import { sweep, type SweepCheckpoint } from '../pipeline/sweep.ts';
import { AppError, isAppError } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';

export interface PassRunDeps {
  readonly index: Pick<OpenIndex, 'beginSweep'>;
  readonly objects: Pick<Objects, 'list' | 'sourceTag'>;
  readonly workItems: WorkItems;
  /** Of one job. */
  readonly outstanding: (job: string) => Promise<number>;
  readonly decoders: string;
  /** Null: our configuration is not the registered one. */
  readonly wanted: () => Wanted | null;
  readonly log: Log;
  readonly now: () => number;
  readonly mostOutstanding: number;
  readonly pauseMs: number;
}

/** What a run needs to know of the run that it goes on from. */
interface Envelope<C> {
  readonly generation: number;
  /** By the index's clock. */
  readonly startedAtMs: number;
  /** By ours: part of the message ids. */
  readonly nowMs: number;
  readonly at: C;
}

/** What no waiting heals: the pass ends, and begins anew when it is next asked for, or next owed. */
const ENDING = ['SOURCE_NOT_PROVEN', 'NO_SUCH_BUCKET', 'ACCESS_DENIED'];

export function createPassRun(deps: PassRunDeps): (pass: RunningPass) => Promise<PassProgress> {
  const { index, objects, log } = deps;
  return async (pass) => {
    const wanted = deps.wanted();
    if (wanted === null) throw new AppError('CONFIG_OUTDATED', 'this configuration is not the registered one');
    const workItems = boundedWorkItems(deps.workItems, {
      outstanding: () => deps.outstanding(pass.id),
      most: deps.mostOutstanding,
      pauseMs: deps.pauseMs,
      signal: pass.signal,
    });
    const ctx = { wanted, decoders: deps.decoders, signal: pass.signal };
    try {
      return pass.request.kind === 'sweep'
        ? await runSweep(pass, pass.request, ctx, workItems)
        : await runBackfill(pass, pass.request, ctx, workItems);
    } catch (error) {
      if (!isAppError(error) || !ENDING.includes(error.code)) throw error;
      const { remedy, details } = error;
      throw new AppError(error.code, error.message, {
        disposition: 'fatal',
        cause: error,
        details,
        ...(remedy === undefined ? {} : { remedy }),
      });
    }
  };

  type Given = { readonly wanted: Wanted; readonly decoders: string; readonly signal: AbortSignal };

  async function runSweep(
    pass: RunningPass,
    { store, bucket, prefix, allowRemovals }: SweepRequest,
    given: Given,
    workItems: WorkItems,
  ): Promise<PassProgress> {
    const from = opened<SweepCheckpoint>(pass.checkpoint, given.wanted);
    const sweepIndex = await index.beginSweep(from?.startedAtMs);
    const { startedAtMs } = sweepIndex;
    const nowMs = from?.nowMs ?? deps.now();
    const report = await sweep(
      { store, bucket, prefix, dryRun: false, allowRemovals, job: pass.id },
      { objects, index: sweepIndex, workItems },
      {
        ...given,
        nowMs,
        resume: from?.at,
        save: (at) => save(pass, { generation: given.wanted.generation, startedAtMs, nowMs, at }, { ...at.counts }),
      },
    );
    const { reason, ...counts } = report;
    if (reason !== null) log.warn({ pass: pass.id, bucket, reason, withheld: report.withheld }, 'removals withheld');
    return { checkpoint: null, counts };
  }

  async function runBackfill(
    pass: RunningPass,
    request: BackfillRequest,
    given: Given,
    workItems: WorkItems,
  ): Promise<PassProgress> {
    const from = opened<BackfillCheckpoint>(pass.checkpoint, given.wanted);
    const { startedAtMs, rows } = await index.beginSweep(from?.startedAtMs);
    const nowMs = from?.nowMs ?? deps.now();
    const counts = await backfill(
      request,
      { objects, index: { rows }, workItems },
      {
        ...given,
        nowMs,
        job: pass.id,
        resume: from?.at,
        save: (at) => save(pass, { generation: given.wanted.generation, startedAtMs, nowMs, at }, { ...at.counts }),
      },
    );
    return { checkpoint: null, counts: { ...counts } };
  }

  async function save<C>(pass: RunningPass, envelope: Envelope<C>, counts: PassCounts): Promise<void> {
    // What was compared with another configuration's wishes is to be compared again.
    if (deps.wanted()?.generation !== envelope.generation)
      throw new AppError('CONFIG_CHANGED', 'another configuration was registered: the pass begins anew');
    await pass.save({ checkpoint: sealed(envelope), counts: { ...counts } });
  }
}

/** Encoded, because keys may have what no JSON column takes. */
function sealed(envelope: Envelope<unknown>): string {
  return Buffer.from(JSON.stringify(envelope)).toString('base64');
}

/** Null: from the beginning. A checkpoint is ours alone, and it is only ever read by the version that wrote it or a later one. */
function opened<C>(checkpoint: string | null, wanted: Wanted): Envelope<C> | null {
  if (checkpoint === null) return null;
  const envelope = JSON.parse(Buffer.from(checkpoint, 'base64').toString()) as Envelope<C>;
  return envelope.generation === wanted.generation ? envelope : null;
}
