// `millrace config show` and `config check`.
import { configurationSchema, settings } from '../model/configuration.ts';
import { dumpConfig, redactConfig } from '../platform/config-text.ts';
import { type ConfigurationOptions, loadConfiguration } from './load-configuration.ts';
import type { Session } from './session.ts';

export async function showConfiguration(
  { json }: { readonly json: boolean },
  options: ConfigurationOptions,
  { io, output }: Session,
): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  if (json) await output.line(JSON.stringify(redactConfig(configurationSchema, settings, configuration)));
  else await output.line(dumpConfig(configurationSchema, settings, configuration).trimEnd());
  return 0;
}

/** Faults are thrown, all at once. */
export async function checkConfiguration(options: ConfigurationOptions, { io, output }: Session): Promise<number> {
  const { configuration } = await loadConfiguration(options, io);
  const { sources, presets, tiers, volumes } = configuration;
  const counts = { sources, presets: Object.keys(presets), tiers: Object.keys(tiers), volumes };
  const text = Object.entries(counts).map(([name, list]) => `${name} ${list.length}`);
  await output.line(`The configuration is in order: ${text.join(', ')}.`);
  return 0;
}
