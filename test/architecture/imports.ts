// Reads which file imports what: statically, dynamically, for types.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Import {
  /** Path below the project, of the importing file. */
  readonly file: string;
  /** As written. */
  readonly specifier: string;
  /** Path below the project; null for a package or a module of Node. */
  readonly target: string | null;
}

export function filesBelow(folder: string): string[] {
  return globSync(`${folder}/**/*.{ts,js}`, { cwd: ROOT }).sort();
}

export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The text of a file without its comments. Good enough for searches: what looks like a comment inside a string goes as well. */
export function codeOf(file: string): string {
  return textOf(file)
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/(^|[\s;{}(,])\/\/.*$/gm, '$1');
}

const FROM = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm;
const BARE = /^\s*import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC = /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g;

export function importsOf(file: string, code: string = codeOf(file)): Import[] {
  return [FROM, BARE, DYNAMIC].flatMap((pattern) =>
    Array.from(code.matchAll(pattern), ([, specifier = '']) => ({
      file,
      specifier,
      target: specifier.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), specifier)) : null,
    })),
  );
}

/** `workers/nats/pull.ts` → `nats`; main.ts is a room of its own. */
export function roomOf(path: string): string | null {
  const [top, room] = path.split('/');
  if (top !== 'workers' || room === undefined) return null;
  return room === 'main.ts' ? 'main' : room;
}

/** `@nats-io/kv/internal` → `@nats-io/kv`; null for modules of Node. */
export function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return null;
  const [scope = '', name = ''] = specifier.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}
