// `millrace provision` and `millrace sweep`.
import { AppError } from '../platform/errors.ts';
import type { ProvisionRequest, SweepRequest, SweptBucket } from './deps.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { commandLog } from './operator.ts';
import type { Session } from './session.ts';
import { untilSignal } from './signals.ts';

export async function provision(
  request: ProvisionRequest,
  { json }: { readonly json: boolean },
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  using stop = untilSignal(io);
  const run = { log: commandLog(configuration), signal: stop.signal };
  const { changes, withheld } = await deps.provision(configuration, request, run);
  for (const change of changes) await output.line(json ? JSON.stringify({ change }) : change);
  for (const left of withheld) await output.line(json ? JSON.stringify({ withheld: left }) : `LEFT: ${left}`);
  if (!json && withheld.length > 0) await output.line('To take such a bucket as it is now: --accept-source BUCKET.');
  if (!json && changes.length + withheld.length === 0) await output.line('Everything was in place; nothing changed.');
  return 0;
}

/** Errors: REMOVALS_WITHHELD, after the report, where the guard of removals stepped in. */
export async function sweep(
  request: SweepRequest,
  { json }: { readonly json: boolean },
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  using stop = untilSignal(io);
  const swept = await deps.sweep(configuration, request, { log: commandLog(configuration), signal: stop.signal });
  for (const report of swept) await output.line(json ? JSON.stringify(report) : sentence(report, request.dryRun));
  const withheld = swept.filter((report) => report.withheld > 0);
  if (request.dryRun || withheld.length === 0) return 0;
  const count = withheld.reduce((sum, report) => sum + report.withheld, 0);
  throw new AppError('REMOVALS_WITHHELD', `${count} removals were not published (${withheld.map(why).join('; ')})`, {
    remedy: `If these objects really are gone: the same command with --allow-removals ${count}.`,
    details: { withheld: count },
  });
}

function sentence(
  { bucket, prefix, listed, rows, missing, stale, gone, uncovered, published }: SweptBucket,
  dryRun: boolean,
): string {
  const found = `${missing} missing, ${stale} stale, ${gone} gone, ${uncovered} uncovered`;
  return `${bucket}/${prefix}: ${listed} objects, ${rows} rows: ${found}; ${dryRun ? 'nothing published (dry run)' : `${published} published`}`;
}

function why({ bucket, reason }: SweptBucket): string {
  return `${bucket}: ${reason ?? 'no reason given'}`;
}
