// Walks a zod schema and lists its settings: where each one stands, what it means, what it is when nobody sets it.
import { z } from 'zod';

/** What a registry knows of a setting beside its schema. */
export interface SettingMeta {
  readonly doc: string;
  /** What is expected, as a noun phrase. */
  readonly form: string;
  readonly env?: string;
  /** `whole`: never shown · `identity`: the same, but not hunted for in log lines · `password`: a URL shown without its password. */
  readonly secret?: 'whole' | 'identity' | 'password';
  readonly defaultText?: string;
  readonly fromEnv?: (text: string) => unknown;
}

export interface SettingRegistry {
  get(schema: z.ZodType): SettingMeta | undefined;
}

export interface Entry {
  /** `['sources', '[]', 'bucket']`, `['presets', '<name>', 'fit']`. */
  readonly path: readonly string[];
  readonly kind: 'section' | 'list' | 'named' | 'leaf';
  readonly schema: z.ZodType;
  readonly meta: SettingMeta | undefined;
  readonly required: boolean;
  /** Undefined where there is none. */
  readonly fallback: unknown;
}

const ITEM = '[]';
const NAME = '<name>';

/** Every setting and group, groups before what is in them. Throws when a setting has no meaning registered. */
export function entriesOf(schema: z.ZodType, registry: SettingRegistry): Entry[] {
  return walk([], schema, registry);
}

function walk(path: readonly string[], outer: z.ZodType, registry: SettingRegistry): Entry[] {
  const { schema, meta, required, fallback } = unwrap(outer, registry);
  const entry = { path, schema, meta, required, fallback };
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.ZodType>> = schema.shape;
    return [
      { ...entry, kind: 'section' },
      ...Object.entries(shape).flatMap(([key, inner]) => walk([...path, key], inner, registry)),
    ];
  }
  if (meta === undefined && !path.at(-1)?.startsWith('['))
    throw new Error(`the setting ${path.join('.')} has no description`);
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) {
    return [{ ...entry, kind: 'list' }, ...walk([...path, ITEM], schema.element, registry)];
  }
  if (schema instanceof z.ZodRecord && schema.valueType instanceof z.ZodObject) {
    return [{ ...entry, kind: 'named' }, ...walk([...path, NAME], schema.valueType, registry)];
  }
  return [{ ...entry, kind: 'leaf' }];
}

function unwrap(outer: z.ZodType, registry: SettingRegistry): Omit<Entry, 'path' | 'kind'> {
  let schema = outer;
  let meta = registry.get(schema);
  let required = true;
  let fallback: unknown;
  while (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    required = false;
    if (!(schema instanceof z.ZodOptional)) fallback ??= schema.def.defaultValue;
    schema = schema.unwrap() as z.ZodType;
    meta ??= registry.get(schema);
  }
  return { schema, meta, required, fallback };
}

/** The entry of a concrete path (`['sources', 0, 'bucket']`), or of the nearest group above it. */
export function entryAt(entries: readonly Entry[], path: readonly PropertyKey[]): Entry | undefined {
  let best: Entry | undefined;
  for (const entry of entries) {
    if (entry.path.length <= path.length && entry.path.every((part, at) => covers(part, path[at]))) {
      if (best === undefined || entry.path.length >= best.path.length) best = entry;
    }
  }
  return best;
}

function covers(part: string, key: PropertyKey | undefined): boolean {
  if (part === ITEM) return typeof key === 'number';
  return part === NAME ? typeof key === 'string' : part === key;
}

/** `store.endpoint`, `sources[0].prefix`. */
export function keyText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (part === ITEM) return `${text}[]`;
    const name = String(part);
    const shown = /^[\w<>-]+$/.test(name) ? name : JSON.stringify(name.slice(0, 64));
    return text === '' ? shown : `${text}.${shown}`;
  }, '');
}
