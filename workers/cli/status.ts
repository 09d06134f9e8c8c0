// `millrace status`: lanes, processors, volumes; once when piped, and again and again in a terminal until Ctrl-C.
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolSample } from '../model/pool-status.ts';
import { withDesk } from './desk.ts';
import type { ConfigurationOptions } from './load-configuration.ts';
import type { Session } from './session.ts';
import { statusText } from './status-text.ts';

export interface StatusCommand {
  readonly json?: boolean;
  /** Once, also in a terminal. */
  readonly once?: boolean;
}

const EVERY_MS = 1_000;
/** Two moments, so that there is a rate. */
const APART_MS = 500;
const CLEAR = '\u001b[H\u001b[2J';

export async function showStatus(
  { json = false, once = false }: StatusCommand,
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  const { io, output } = session;
  const isLive = !json && !once && 'isTTY' in io.stdout && io.stdout.isTTY === true;
  return withDesk(options, session, async (desk, signal) => {
    let before = await desk.sample();
    if (!isLive) {
      await pause(APART_MS, signal);
      const now = await desk.sample();
      await output.line(json ? JSON.stringify(viewOf(before, now)) : statusText(viewOf(before, now)));
      return 0;
    }
    while (!signal.aborted) {
      await pause(EVERY_MS, signal);
      if (signal.aborted) break;
      const now = await desk.sample();
      if (!(await output.line(`${CLEAR}${statusText(viewOf(before, now))}\n\nCtrl-C ends this; everything goes on.`)))
        break;
      before = now;
    }
    return 0;
  });
}

export type StatusView = ReturnType<typeof viewOf>;

/** Its JSON shape is promised. */
export function viewOf(before: PoolSample, now: PoolSample) {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1_000);
  return {
    at: new Date(now.atMs).toISOString(),
    lanes: now.lanes.map(({ name, lane, tier, pending, underWay, pulls, ended }) => {
      const earlier = before.lanes.find((other) => other.name === name)?.ended ?? ended;
      // A consumer that was made anew begins at 0.
      const perSecond = Math.round((Math.max(0, ended - earlier) / seconds) * 10) / 10;
      const left = pending + underWay;
      const etaS = left === 0 ? 0 : perSecond > 0 ? Math.ceil(left / perSecond) : null;
      return { name, lane, tier, pending, underWay, pulls, perSecond, etaS };
    }),
    processors: now.processors.map(({ v: _v, ...processor }) => processor),
    volumes: now.volumes.map(({ volumeId, host, tier, path, url, freeBytes, gate }) => {
      const reason = gate.state === 'closed' ? gate.reason : null;
      const message = gate.state === 'closed' ? gate.message : null;
      return { volume: volumeId, host, tier, path, url, freeBytes, open: gate.state === 'open', reason, message };
    }),
    streams: now.streams,
    lastMinute: now.lastMinute,
    owedSweeps: now.owedSweeps.map(({ bucket, reason, firstAtMs }) => {
      return { bucket, reason, since: new Date(firstAtMs).toISOString() };
    }),
    withheldRemovals: now.withheldRemovals.map(({ bucket, count, atMs }) => {
      return { bucket, count, since: new Date(atMs).toISOString() };
    }),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
