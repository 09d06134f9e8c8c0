// Brings one object to its desired state: look, plan, apply, and look again until there is nothing to do.
// An event only woke us; nothing in here reads it.
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import { retry, type Verdict } from '../model/verdict.ts';
import { type Applied, ended } from './applied.ts';
import { growing } from './delays.ts';
import { type Observed, observe } from './observe.ts';
import { type Plan, planFor } from './plan.ts';
import type { Change, Context, Ports } from './ports.ts';
import { renderStep } from './render-step.ts';

export interface Conclusion {
  readonly verdict: Verdict;
  /** The row as last observed or committed. */
  readonly row: ObjectRow | null;
}

const ROUNDS = 5;

/** `look` is an argument only so that the simulation can prove what breaks when its order is turned round. */
export async function converge(ref: ObjectRef, ports: Ports, ctx: Context, look = observe): Promise<Conclusion> {
  let row: ObjectRow | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const observed = await look(ref, ports);
    row = observed.row;
    await ctx.reached('looked');
    const { removeUncovered } = ctx;
    const plan = planFor(observed, ctx.wanted, {
      decoders: ports.renderers.decoders,
      nowMs: ctx.now(),
      removeUncovered,
    });
    if (plan.kind === 'nothing') return { verdict: { kind: 'settled' }, row };
    const applied = await apply(plan, observed, ports, ctx);
    if (applied.kind === 'ended') return { verdict: applied.verdict, row };
    if (applied.kind === 'committed') {
      row = applied.row;
      await ctx.reached('committed');
    } // and look again: it may have been overwritten meanwhile
  }
  return { verdict: retry(growing(ctx, 2_000, 30_000), 'CHANGES_TOO_FAST'), row };
}

/** The only writer: whatever it changes goes through one fenced commit. */
async function apply(
  plan: Exclude<Plan, { kind: 'nothing' }>,
  observed: Observed,
  ports: Ports,
  ctx: Context,
): Promise<Applied> {
  const { ref, row } = observed;
  switch (plan.kind) {
    case 'skip':
      return ended({ kind: 'skipped', code: plan.code });
    case 'outdated':
      return ended(retry(growing(ctx, 5_000, 60_000), 'CONFIG_OUTDATED'));
    case 'trouble':
      await ports.index.oweSweep(ref.store, ref.bucket, plan.code);
      ctx.log.warn({ ...ref, code: plan.code }, 'source in trouble, a sweep of it is owed');
      return ended({ kind: 'skipped', code: plan.code });
    case 'remove':
      return change({ kind: 'removed' }, row?.tier ?? '', false);
    case 'plain':
      return change({ kind: 'plain', version: plan.version }, plan.tier, false);
    case 'touch':
      return change({ kind: 'touched', version: plan.version }, plan.tier, true);
    case 'render':
      return renderStep(plan, observed, ports, ctx);
  }

  async function change(change: Change, tier: string, keepSet: boolean): Promise<Applied> {
    const answer = await ports.index.commit({
      ref,
      observedRevision: row?.revision ?? 0,
      tier,
      generation: ctx.wanted.generation,
      change,
      claim: null,
      keepSet,
    });
    return answer.kind === 'committed' ? answer : { kind: 'look-again' };
  }
}
