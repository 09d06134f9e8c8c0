// A render from slot to commit: slot in hand, claim before the first byte, lease renewed while it runs, commit fenced by both.
import { claimsImage } from '../model/claims.ts';
import { refusalBasis } from '../model/desired.ts';
import type { OpenVolume, RenderResult } from '../model/render.ts';
import { retry } from '../model/verdict.ts';
import { type Applied, ended } from './applied.ts';
import { growing, refusedForMs } from './delays.ts';
import type { Observed } from './observe.ts';
import type { Plan } from './plan.ts';
import type { AttemptEnding, AttemptHistory, Change, Context, Ports, RenderSlot } from './ports.ts';

type RenderPlan = Extract<Plan, { kind: 'render' }>;

/** After this many deaths of a renderer an object version is refused, and tried again later (I6). */
const DEATHS_TO_REFUSE = 2;
/** A look older than this when the slot comes is checked against the row: 0.3 ms against a render of 150. */
const FRESH_FOR_MS = 100;

export async function renderStep(plan: RenderPlan, observed: Observed, ports: Ports, ctx: Context): Promise<Applied> {
  const { tier } = plan.desired;
  if (ctx.lane === 'removals') return handOver('NEEDS_RENDER');
  const volume = ports.volumes.openFor(tier);
  if (volume === null) {
    // Its own lane again would only go round in circles; with nothing open here at all we are about to stop fetching.
    if (ctx.laneTier === tier || ports.volumes.openTiers().length === 0) {
      return ended(retry(growing(ctx, 1_000, 15_000), 'NO_OPEN_VOLUME'));
    }
    return handOver('NO_OPEN_VOLUME');
  }
  const askedMs = ctx.now();
  const slot = await ports.renderers.takeSlot(ctx.lane, ctx.slotWaitMs, ctx.signal);
  if (slot === null) return ended(retry(Math.round(200 + 800 * ctx.random()), 'NO_RENDER_SLOT'));
  try {
    await ctx.reached('slot');
    // Another processor, with the change's other copy, may have done it while we waited: our commit would be refused after the render.
    if (ctx.now() - askedMs > FRESH_FOR_MS) {
      const { ref, row } = observed;
      if ((await ports.index.row(ref))?.revision !== row?.revision) return { kind: 'look-again' };
    }
    return await claimAndRender(plan, observed, volume, slot, ports, ctx);
  } finally {
    slot.release();
  }

  async function handOver(code: string): Promise<Applied> {
    const item = { v: 1, ref: observed.ref, reason: 'hand-over' } as const;
    await ports.workItems.publish(tier, 'urgent', 'live', item, ctx.messageId);
    await ctx.reached('handed-over');
    return ended({ kind: 'handed-over', tier, code });
  }
}

async function claimAndRender(
  plan: RenderPlan,
  observed: Observed,
  volume: OpenVolume,
  slot: RenderSlot,
  ports: Ports,
  ctx: Context,
): Promise<Applied> {
  const { ref } = observed;
  const setId = ctx.newSetId();
  const { version, desired } = plan;
  const claim = await ports.index.claim({
    ref,
    version,
    setId,
    fingerprint: desired.fingerprint,
    volume: volume.volumeId,
    tier: desired.tier,
    host: ctx.host,
    leaseMs: ctx.leaseMs,
  });
  if (claim.kind === 'elsewhere') return ended(retry(growing(ctx, 1_000, 30_000), 'CLAIMED_ELSEWHERE'));
  try {
    await ctx.reached('claimed');
    const { deaths, unfinished } = claim.history;
    const { limits, damaged } = ctx.wanted;
    const download = await ports.objects.download(ref, version, limits.renderTimeoutS + 60);
    const quarantined = deaths > 0 || unfinished > 0;
    const { indexId } = ctx;
    const result = await renderUnderLease(setId, slot, ports, ctx, (signal) =>
      slot.render({ ref, version, setId, indexId, volume, desired, limits, damaged, quarantined, download }, signal),
    );
    slot.release(); // before the commit, so that the next render does not wait for our transaction
    await ctx.reached('rendered');
    return await conclude(result, plan, observed, { setId, volume, history: claim.history }, ports, ctx);
  } catch (error) {
    // A commit whose connection was cut may have happened: abandoning touches only what is still `writing`, so it is safe either way,
    // and without it the next try would wait for the lease to run out.
    await ports.index
      .abandon(setId, ending('abandoned', null, null))
      .catch((cause: unknown) => ctx.log.warn({ ...ref, setId, err: cause }, 'claim left to its lease'));
    throw error;
  }
}

async function renderUnderLease(
  setId: string,
  slot: RenderSlot,
  { index }: Ports,
  ctx: Context,
  render: (signal: AbortSignal) => ReturnType<RenderSlot['render']>,
): Promise<RenderResult> {
  const lost = new AbortController();
  using _renewal = ctx.every(ctx.leaseMs / 3, async () => {
    try {
      if (!(await index.renew(setId, ctx.leaseMs))) lost.abort();
    } catch (error) {
      // The index is away. The render goes on: if the lease runs out first, the commit is refused.
      ctx.log.warn({ setId, err: error }, 'lease not renewed');
    }
  });
  return render(AbortSignal.any([ctx.signal, lost.signal]));
}

interface Held {
  readonly setId: string;
  readonly volume: OpenVolume;
  readonly history: AttemptHistory;
}

/** What a render's result means for the object. */
async function conclude(
  result: RenderResult,
  { version, desired }: RenderPlan,
  { ref, row }: Observed,
  { setId, volume, history }: Held,
  ports: Ports,
  ctx: Context,
): Promise<Applied> {
  switch (result.kind) {
    case 'rendered': {
      const { renditions, metadata, damaged, phasesMs } = result;
      return commit(
        { kind: 'rendered', version, renditions, metadata, damaged },
        ending('rendered', null, null, phasesMs),
      );
    }
    case 'not-image':
      if (!claimsImage(ref.key, version.contentType))
        return commit({ kind: 'plain', version }, ending('plain', null, null));
      return refuse(
        'NOT_AN_IMAGE',
        'its first bytes are of no image format, though its type or name says so',
        null,
        'refused',
      );
    case 'refused':
      return refuse(result.code, result.message, null, 'refused');
    case 'died':
      return afterDeath(result.code, result.message, 'died');
    case 'timed-out':
      return afterDeath('RENDER_TIMED_OUT', result.message, 'timed-out');
    case 'changed':
      await ports.index.abandon(setId, ending('abandoned', 'CHANGED', null));
      return { kind: 'look-again' };
    case 'storage-failed':
      ports.volumes.doubt(volume.volumeId, result.code);
      ctx.log.warn({ ...ref, setId, volume: volume.volumeId, code: result.code }, 'volume would not take a set');
      await ports.index.abandon(setId, ending('abandoned', result.code, result.message));
      return { kind: 'look-again' };
    case 'source-failed':
      await ports.index.abandon(setId, ending('abandoned', result.code, result.message));
      return ended(retry(growing(ctx, 1_000, 30_000), result.code));
    case 'cancelled':
      await ports.index.abandon(setId, ending('abandoned', ctx.signal.aborted ? 'STOPPING' : 'CLAIM_LOST', null));
      return ctx.signal.aborted ? ended(retry(0, 'STOPPING')) : { kind: 'look-again' };
  }

  async function afterDeath(code: string, message: string, outcome: 'died' | 'timed-out'): Promise<Applied> {
    const deaths = history.deaths + 1;
    ctx.log.warn({ ...ref, setId, code, deaths }, 'renderer lost');
    if (deaths >= DEATHS_TO_REFUSE) return refuse(code, message, ctx.now() + refusedForMs(deaths), outcome);
    await ports.index.abandon(setId, ending(outcome, code, message));
    return ended(retry(growing(ctx, 500, 5_000), code));
  }

  function refuse(
    code: string,
    message: string,
    retryAtMs: number | null,
    outcome: AttemptEnding['outcome'],
  ): Promise<Applied> {
    const basis = refusalBasis(ctx.wanted, ports.renderers.decoders);
    const refusal = { code, message, basis, retryAtMs };
    return commit({ kind: 'refused', version, refusal }, ending(outcome, code, message));
  }

  async function commit(change: Change, ending: AttemptEnding): Promise<Applied> {
    const answer = await ports.index.commit({
      ref,
      observedRevision: row?.revision ?? 0,
      tier: desired.tier,
      generation: ctx.wanted.generation,
      change,
      claim: { setId, ending },
      // What is refused now may have renditions of the very same bytes, made under other presets: they stay readable.
      keepSet: change.kind === 'refused' && row?.version.etag === version.etag,
    });
    if (answer.kind === 'committed') return answer;
    await ports.index.abandon(setId, endedBy(answer.by));
    return { kind: 'look-again' };
  }
}

function endedBy(fence: 'row' | 'set'): AttemptEnding {
  return ending('abandoned', fence === 'row' ? 'ROW_MOVED' : 'CLAIM_LOST', null);
}

function ending(
  outcome: AttemptEnding['outcome'],
  code: string | null,
  message: string | null,
  phasesMs: Readonly<Record<string, number>> = {},
): AttemptEnding {
  return { outcome, code, message, phasesMs };
}
