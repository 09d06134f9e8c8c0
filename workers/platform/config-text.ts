// A configuration as text: a dump without secrets, the secrets for the log's scrubber, and the table of all settings.
import { stringify } from 'yaml';
import type { z } from 'zod';
import { type Entry, entriesOf, entryAt, keyText, type SettingRegistry } from './config-schema.ts';
import { REDACTED, scrubText } from './scrub.ts';

/** YAML of the configuration in force, secrets redacted. */
export function dumpConfig(schema: z.ZodType, registry: SettingRegistry, value: unknown): string {
  const entries = entriesOf(schema, registry);
  return scrubText(stringify(redacted(value, [], entries), { lineWidth: 0 }));
}

/** The same as plain values. */
export function redactConfig(schema: z.ZodType, registry: SettingRegistry, value: unknown): unknown {
  return redacted(value, [], entriesOf(schema, registry));
}

function redacted(value: unknown, path: readonly PropertyKey[], entries: readonly Entry[]): unknown {
  const secret = entryAt(entries, path)?.meta?.secret;
  if (secret !== undefined) return secret === 'password' ? scrubText(String(value)) : REDACTED;
  if (Array.isArray(value)) return value.map((item: unknown, at) => redacted(item, [...path, at], entries));
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? scrubText(value) : value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, redacted(inner, [...path, key], entries)]),
  );
}

/** Every secret value in it, for `createLog`; of URLs their passwords, or the whole of what stands before the @. */
export function secretsOf(schema: z.ZodType, registry: SettingRegistry, value: unknown): string[] {
  return entriesOf(schema, registry).flatMap(({ meta, path }) => {
    if (meta?.secret !== 'whole' && meta?.secret !== 'password') return [];
    const found = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
    if (typeof found !== 'string') return [];
    return meta.secret === 'whole' ? [found] : passwordsIn(found);
  });
}

function passwordsIn(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { username, password } = new URL(text);
  const raw = password === '' ? username : password;
  return raw === '' ? [] : [raw, decodeURIComponent(raw)];
}

/** A Markdown table of all settings, in the order of the schema. */
export function configTable(schema: z.ZodType, registry: SettingRegistry): string {
  const rows = entriesOf(schema, registry).flatMap((entry) => {
    const { meta, path } = entry;
    if (meta === undefined) return [];
    const variable =
      meta.env === undefined ? '' : `\`${meta.env}\`${meta.secret === undefined ? '' : ' (or `…_FILE`)'}`;
    return [[`\`${keyText(path)}\``, variable, meta.form, defaultOf(entry), meta.doc]];
  });
  const lines = [['Key', 'Variable', 'Form', 'Default', 'What it is'], ['---', '---', '---', '---', '---'], ...rows];
  return `${lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')}\n`;
}

function defaultOf({ meta, required, fallback }: Entry): string {
  if (meta?.defaultText !== undefined) return meta.defaultText;
  if (required) return '**required**';
  if (fallback === undefined || fallback === '') return 'none';
  return Array.isArray(fallback) && fallback.length === 0
    ? 'none'
    : `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
}
