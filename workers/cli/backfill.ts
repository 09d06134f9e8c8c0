// `millrace backfill start|ls|pause|resume|cancel`: a pass that the planner runs, whoever asked for it may leave.
import type { BackfillRequest, BackfillState, PassView } from '../model/pass.ts';
import { AppError } from '../platform/errors.ts';
import type { BackfillEstimate, PassDesk } from './deps.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { commandLog } from './operator.ts';
import type { Session } from './session.ts';
import { untilSignal } from './signals.ts';

export interface BackfillOptions {
  readonly bucket: string;
  readonly prefix: string;
  readonly sinceMs?: number;
  readonly preset?: string;
  readonly state?: BackfillState;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Errors: NO_SOURCE, NO_PRESET. */
export async function startBackfill(
  { bucket, prefix, sinceMs, preset, state, dryRun, json }: BackfillOptions,
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  assertKnown('NO_SOURCE', `no source names bucket ${bucket}`, bucket, buckets(configuration));
  if (preset !== undefined) {
    const names = Object.keys(configuration.presets);
    assertKnown('NO_PRESET', `there is no preset ${preset}`, preset, names);
  }
  const request: BackfillRequest = {
    kind: 'backfill',
    store: configuration.store.name,
    bucket,
    prefix,
    sinceS: sinceMs === undefined ? null : Math.floor(sinceMs / 1000),
    preset: preset ?? null,
    state: state ?? null,
  };
  using stop = untilSignal(io);
  const run = { log: commandLog(configuration), signal: stop.signal };
  if (dryRun) {
    const estimate = await deps.estimateBackfill(configuration, request, run);
    await output.line(json ? JSON.stringify(estimate) : estimateText(estimate));
    return 0;
  }
  await using desk = await deps.openPassDesk(configuration, run);
  const { id, isNew } = await desk.start(request);
  if (json) await output.line(JSON.stringify({ id, isNew }));
  else {
    await output.line(isNew ? `${id}: handed to the planner.` : `${id}: the same backfill goes on already.`);
    await output.line('How far it is: millrace backfill ls. To end it: millrace backfill cancel ' + id);
  }
  return 0;
}

export async function listBackfills(
  { json }: { readonly json: boolean },
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return withDesk(options, session, async (desk) => {
    for (const pass of await desk.list()) {
      if (!(await session.output.line(json ? JSON.stringify(pass) : passLine(pass)))) return 0;
    }
    return 0;
  });
}

/** Errors: NO_SUCH_PASS. */
export async function askBackfill(
  asked: 'pause' | 'resume' | 'cancel',
  id: string,
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return withDesk(options, session, async (desk) => {
    const answer = await desk[asked](id);
    if (answer === false || answer === null) {
      throw new AppError('NO_SUCH_PASS', `${id} is not a pass that goes on`, {
        remedy: 'millrace backfill ls shows those that there are.',
      });
    }
    const done = { pause: 'paused', resume: 'goes on', cancel: 'cancelled' }[asked];
    const taken = typeof answer === 'number' ? `; ${number(answer)} work items taken back` : '';
    await session.output.line(`${id}: ${done}${taken}`);
    return 0;
  });
}

async function withDesk(
  options: ConfigurationOptions,
  { io, deps }: Session,
  work: (desk: PassDesk) => Promise<number>,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  using stop = untilSignal(io);
  await using desk = await deps.openPassDesk(configuration, { log: commandLog(configuration), signal: stop.signal });
  return await work(desk);
}

function buckets({ sources }: { readonly sources: readonly { readonly bucket: string }[] }): readonly string[] {
  return [...new Set(sources.map(({ bucket }) => bucket))];
}

function assertKnown(code: string, message: string, name: string, names: readonly string[]): void {
  if (!names.includes(name)) throw new AppError(code, message, { remedy: `Choose one of: ${names.join(', ')}.` });
}

/** `would render 312 of 40,118, about 9 min (12 new, 300 by other presets)` */
function estimateText({ counts, rate, etaS, isRegistered }: BackfillEstimate): string {
  const { listed, published } = counts;
  const time =
    published === 0
      ? ''
      : etaS === null || rate === null
        ? ', no render was measured lately'
        : `, about ${duration(etaS)}`;
  const causes = [
    [counts.new, 'new'],
    [counts.changed, 'changed'],
    [counts.presets, 'by other presets'],
    [counts.tier, 'by another tier'],
    [counts.retry, 'refused before'],
  ] as const;
  const told = causes.flatMap(([count, text]) => (count === 0 ? [] : [`${number(count)} ${text}`]));
  const why = told.length === 0 ? '' : ` (${told.join(', ')})`;
  const unregistered = isRegistered ? '' : '\nwith this configuration, which is not the registered one';
  return `would render ${number(published)} of ${number(listed)}${time}${why}${unregistered}`;
}

function passLine({ id, request, state, counts, startedAtMs, failure }: PassView): string {
  const { listed = 0, published = 0 } = counts;
  const what = `${request.bucket}/${request.prefix}`;
  const done = `${number(listed)} listed, ${number(published)} published`;
  const why = failure === null ? '' : `  ${failure}`;
  return `${id}  ${state.padEnd(9)}  ${new Date(startedAtMs).toISOString()}  ${what}  ${done}${why}`;
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
