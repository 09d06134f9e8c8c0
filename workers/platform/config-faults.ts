// What is wrong with a configuration, all of it, in words that name the key, the variable, the expected form and where the value stands.
import type { z } from 'zod';
import { closest } from './closest.ts';
import { type Entry, entryAt, keyText } from './config-schema.ts';
import { AppError } from './errors.ts';
import { scrubText } from './scrub.ts';

export interface Fault {
  /** The key, or the variable where no key belongs to it. */
  readonly key: string;
  /** Names key, variable and form; shows no secret. */
  readonly message: string;
}

/** `CONFIG_INVALID`; `details.faults` has them one by one. */
export function configError(found: readonly Fault[], remedy?: string): AppError {
  const faults = found.map(({ key, message }) => ({ key: scrubText(key), message: scrubText(message) }));
  const lines = faults.map(({ key, message }) => `  ${key}: ${message}`);
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  return new AppError('CONFIG_INVALID', [`the configuration has ${count}:`, ...lines].join('\n'), {
    disposition: 'fatal',
    details: { faults },
    ...(remedy === undefined ? {} : { remedy }),
  });
}

export interface FaultContext {
  readonly entries: readonly Entry[];
  /** What was parsed. */
  readonly merged: unknown;
  /** Where the value of a key came from, by `keyText`. */
  readonly origins: ReadonlyMap<string, string>;
}

export function faultsOf(issues: readonly z.core.$ZodIssue[], context: FaultContext): Fault[] {
  const faults = issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [faultOf(issue, context)];
    return issue.keys.map((name) => unknownKey([...issue.path, name], context));
  });
  const seen = new Set<string>();
  return faults.filter(({ key, message }) => {
    const id = `${key}\0${message}`;
    return !seen.has(id) && seen.add(id);
  });
}

function faultOf(issue: z.core.$ZodIssue, context: FaultContext): Fault {
  const entry = entryAt(context.entries, issue.path);
  const exact = entry?.path.length === issue.path.length;
  const variable = exact ? entry.meta?.env : undefined;
  const key = (keyText(issue.path) || 'everything') + (variable === undefined ? '' : ` (${variable})`);
  if (issue.code === 'custom' && !isRefinement(issue)) return { key, message: issue.message };
  const form = formOf(
    issue.code === 'invalid_key' ? entryAt(context.entries, issue.path.slice(0, -1)) : entry,
    context.entries,
  );
  const found = at(context.merged, issue.path);
  if (found === undefined) return { key, message: `missing; expected ${form}` };
  const from = origin(issue.path, context);
  const shown = issue.code === 'invalid_key' ? 'found that name' : `found ${show(found, entry)}`;
  return { key, message: `expected ${form}; ${shown}${from}` };
}

/** A `refine` of one setting: its message says nothing; one of a cross-check is the fault in words. */
function isRefinement(issue: z.core.$ZodIssue): boolean {
  return issue.message === 'Invalid input';
}

function formOf(entry: Entry | undefined, entries: readonly Entry[]): string {
  if (entry === undefined) return 'a group of settings';
  if (entry.meta !== undefined) return entry.meta.form;
  const names = childNames(entry.path, entries).map((name) => `\`${name}\``);
  return `a group of settings (${names.join(', ')})`;
}

function unknownKey(path: readonly PropertyKey[], context: FaultContext): Fault {
  const parent = entryAt(context.entries, path.slice(0, -1));
  const meant = closest(String(path.at(-1)), childNames(parent?.path ?? [], context.entries));
  const hint = meant === undefined ? '' : `; did you mean \`${meant}\`?`;
  return { key: keyText(path), message: `unknown key${origin(path, context)}${hint}` };
}

function childNames(path: readonly string[], entries: readonly Entry[]): string[] {
  return entries
    .filter((entry) => entry.path.length === path.length + 1 && path.every((part, index) => entry.path[index] === part))
    .map((entry) => entry.path.at(-1) ?? '');
}

function origin(path: readonly PropertyKey[], { origins }: FaultContext): string {
  for (let length = path.length; length >= 0; length -= 1) {
    const from = origins.get(keyText(path.slice(0, length)));
    if (from !== undefined) return ` in ${from}`;
  }
  return '';
}

const MAX_SHOWN = 80;

function show(value: unknown, entry: Entry | undefined): string {
  const secret = entry?.meta?.secret;
  if (secret !== undefined) return 'a value that is not shown';
  if (value === null) return 'nothing';
  const shown = scrubText(JSON.stringify(value));
  return shown.length <= MAX_SHOWN ? shown : `${shown.slice(0, MAX_SHOWN)}…`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined;
    return (inner as Record<PropertyKey, unknown>)[key];
  }, value);
}
