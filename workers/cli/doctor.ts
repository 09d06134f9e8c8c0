// `millrace doctor`: every hop, the broken ones with code and remedy. Exit code 1 where one is broken.
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import { printable } from './object-text.ts';
import { commandLog } from './operator.ts';
import type { Session } from './session.ts';
import { untilSignal } from './signals.ts';

export interface DoctorCommand {
  /** Commander's `--no-probe`. */
  readonly probe: boolean;
  readonly json?: boolean;
}

const SIGNS = { fine: 'ok', warning: 'LOOK', broken: 'BROKEN', skipped: '-' } as const;

export async function callDoctor(
  { probe, json = false }: DoctorCommand,
  options: ConfigurationOptions,
  { io, deps, output }: Session,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  using stop = untilSignal(io);
  const run = { log: commandLog({ ...configuration, log: { level: 'silent' } }), signal: stop.signal };
  let broken = 0;
  for await (const found of deps.doctor(configuration, { probe }, run)) {
    const { hop, state, code, message, remedy } = found;
    if (state === 'broken') broken += 1;
    if (json) {
      await output.line(JSON.stringify(found));
      continue;
    }
    const what = code === null ? message : `${code}: ${message}`;
    await output.line(`${SIGNS[state].padEnd(8)}${hop.padEnd(17)}${printable(what)}`);
    if (remedy !== null) await output.line(`${' '.repeat(25)}→ ${printable(remedy)}`);
  }
  if (!json) await output.line(broken === 0 ? 'Nothing is broken.' : `${broken} broken; begin with the first.`);
  return broken === 0 ? 0 : 1;
}
