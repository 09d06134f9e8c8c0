// Reads a YAML file as one layer of a configuration.
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import type { ConfigLayer } from './config.ts';
import { configError } from './config-faults.ts';
import { AppError } from './errors.ts';

/** Errors: CONFIG_UNREADABLE, and CONFIG_INVALID with every syntax fault and its line. An empty file is an empty layer. */
export async function readYamlLayer(path: string): Promise<ConfigLayer> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('CONFIG_UNREADABLE', `the configuration file ${path} cannot be read`, {
      disposition: 'fatal',
      cause,
    });
  }
  const lineCounter = new LineCounter();
  // prettyErrors would quote the file, secrets included.
  const document = parseDocument(text, { prettyErrors: false, lineCounter, stringKeys: true });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    throw configError(
      problems.map(({ pos, message }) => ({ key: `${path} line ${lineCounter.linePos(pos[0]).line}`, message })),
    );
  }
  return { name: path, values: document.toJS({ maxAliasCount: 50 }) ?? {} };
}
