// Reads a configuration: files, then environment, against one schema; either all of it is right, or every fault is told at once.
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { closest } from './closest.ts';
import { configError, type Fault, faultsOf } from './config-faults.ts';
import { type Entry, entriesOf, keyText, type SettingRegistry } from './config-schema.ts';
import { chainOf, codeOf } from './errors.ts';

/** Values from one place; `name` is how faults call that place. */
export interface ConfigLayer {
  readonly name: string;
  readonly values: unknown;
}

export interface ReadConfigOptions<S extends z.ZodType> {
  readonly schema: S;
  readonly registry: SettingRegistry;
  /** A later one wins; lists and groups by name are replaced as a whole. */
  readonly layers: readonly ConfigLayer[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** These win over the environment. */
  readonly overrides?: readonly ConfigLayer[];
  /** Variables that begin so have to be known. */
  readonly envPrefix: string;
  /** Further variables with that prefix that are somebody else's. */
  readonly otherVariables?: readonly string[];
  /** Added to the error. */
  readonly remedy?: string;
}

/** Throws `CONFIG_INVALID`. An empty variable counts as not set: compose files pass those. */
export async function readConfig<S extends z.ZodType>(options: ReadConfigOptions<S>): Promise<z.output<S>> {
  const { schema, registry, layers, env, overrides = [], envPrefix, otherVariables = [], remedy } = options;
  const entries = entriesOf(schema, registry);
  const origins = new Map<string, string>();
  const fromEnv = await envLayers(entries, env);
  const faults = [...fromEnv.faults, ...unknownVariables(entries, env, envPrefix, otherVariables)];
  let merged: unknown = {};
  for (const layer of [...layers, ...fromEnv.layers, ...overrides]) merged = merge(merged, layer, [], entries, origins);
  const parsed = schema.safeParse(withGroups(merged, entries));
  if (!parsed.success) {
    const told = new Set(faults.map(({ key }) => key)); // a setting whose file cannot be read is not missing too
    faults.push(...faultsOf(parsed.error.issues, { entries, merged, origins }).filter(({ key }) => !told.has(key)));
  }
  if (faults.length > 0 || !parsed.success) throw configError(faults, remedy);
  return parsed.data;
}

/** Whether a layer or the environment sets any of these keys. */
export function setsAny(
  keys: readonly string[],
  options: Pick<ReadConfigOptions<z.ZodType>, 'schema' | 'registry' | 'layers' | 'env'>,
): boolean {
  return entriesOf(options.schema, options.registry).some((entry) => {
    if (!keys.includes(keyText(entry.path))) return false;
    const variable = entry.meta?.env;
    if (
      variable !== undefined &&
      (given(options.env, variable) ?? given(options.env, `${variable}_FILE`)) !== undefined
    )
      return true;
    return options.layers.some(({ values }) => entry.path.reduce<unknown>(childOf, values) !== undefined);
  });
}

function childOf(value: unknown, key: string): unknown {
  return isGroup(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

async function envLayers(
  entries: readonly Entry[],
  env: ReadConfigOptions<z.ZodType>['env'],
): Promise<{ layers: ConfigLayer[]; faults: Fault[] }> {
  const layers: ConfigLayer[] = [];
  const faults: Fault[] = [];
  for (const entry of entries) {
    const variable = entry.meta?.env;
    if (variable === undefined) continue;
    const direct = given(env, variable);
    const file = given(env, `${variable}_FILE`);
    const key = `${keyText(entry.path)} (${variable})`;
    if (file !== undefined && entry.meta?.secret === undefined) continue; // told as an unknown variable
    if (direct !== undefined && file !== undefined)
      faults.push({ key, message: `set, and ${variable}_FILE too; one of them has to go` });
    else if (direct !== undefined) layers.push({ name: variable, values: nested(entry.path, valueOf(entry, direct)) });
    else if (file !== undefined) {
      try {
        const text = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
        layers.push({ name: `${variable}_FILE`, values: nested(entry.path, valueOf(entry, text)) });
      } catch (error) {
        faults.push({
          key,
          message: `${variable}_FILE names ${file}, which cannot be read (${codeOf(error)}: ${chainOf(error)})`,
        });
      }
    }
  }
  return { layers, faults };
}

function given(env: ReadConfigOptions<z.ZodType>['env'], name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

/** A variable is text; the setting may want a number or a flag. */
function valueOf({ meta, schema }: Entry, text: string): unknown {
  if (meta?.fromEnv !== undefined) return meta.fromEnv(text);
  if (schema.safeParse(text).success) return text;
  const trimmed = text.trim();
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  return trimmed === 'true' || trimmed === 'false' ? trimmed === 'true' : text;
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

function unknownVariables(
  entries: readonly Entry[],
  env: ReadConfigOptions<z.ZodType>['env'],
  prefix: string,
  others: readonly string[],
): Fault[] {
  const known = new Set(others);
  for (const { meta } of entries) {
    if (meta?.env !== undefined) known.add(meta.env);
    if (meta?.env !== undefined && meta.secret !== undefined) known.add(`${meta.env}_FILE`);
  }
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.has(name))
    .sort()
    .map((name) => {
      const meant = closest(name, known);
      return { key: name, message: `unknown variable${meant === undefined ? '' : `; did you mean ${meant}?`}` };
    });
}

type Group = Record<string, unknown>;

function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Groups of the schema are merged key by key; an empty one (`store:` with nothing below) changes nothing. */
function merge(
  below: unknown,
  layer: ConfigLayer,
  path: readonly string[],
  entries: readonly Entry[],
  origins: Map<string, string>,
): unknown {
  const value = path.reduce<unknown>(childOf, layer.values);
  const isSection = entries.some((entry) => entry.kind === 'section' && keyText(entry.path) === keyText(path));
  if (!isSection) {
    origins.set(keyText(path), layer.name);
    return value;
  }
  if (value === null || value === undefined) return below;
  if (!isGroup(value)) {
    origins.set(keyText(path), layer.name);
    return value;
  }
  const merged: Group = isGroup(below) ? { ...below } : {};
  for (const key of Object.keys(value)) {
    Object.defineProperty(merged, key, {
      value: merge(childOf(merged, key), layer, [...path, key], entries, origins),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return merged;
}

/** Every group is there, so that a missing one is told setting by setting. */
function withGroups(merged: unknown, entries: readonly Entry[]): unknown {
  if (!isGroup(merged)) return merged;
  const groups = entries
    .filter((entry) => entry.kind === 'section' && entry.path.length === 1)
    .map((entry) => entry.path[0] ?? '');
  return { ...Object.fromEntries(groups.map((name) => [name, {}])), ...merged };
}
