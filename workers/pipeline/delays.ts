// How long a message is put back for. Jittered, so that what failed together does not come back together.
import type { Context } from './ports.ts';

/** Doubles with the delivery count up to `capMs`; between half and all of that. */
export function growing(ctx: Pick<Context, 'deliveryCount' | 'random'>, baseMs: number, capMs: number): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(ctx.deliveryCount - 1, 20));
  return Math.round(full * (0.5 + ctx.random() / 2));
}

const HOUR_MS = 3_600_000;

/** When a picture that killed or hung its renderers is tried again: after 1 h, 1 d, then every 7 d (I6). `deaths` counts this one. */
export function refusedForMs(deaths: number): number {
  if (deaths <= 2) return HOUR_MS;
  return deaths === 3 ? 24 * HOUR_MS : 7 * 24 * HOUR_MS;
}
