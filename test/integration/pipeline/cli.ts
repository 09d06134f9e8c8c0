// `millrace …` as a process, as an operator runs it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { childEnv } from '../../../workers/local/child-env.ts';
import type { World } from '../../faults/harness.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
export const MAIN = join(ROOT, 'workers', 'main.ts');

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** With the world's configuration, and nothing else in its environment. */
export async function millrace(world: World, ...args: readonly string[]): Promise<CliRun> {
  const env = childEnv({ MILLRACE_CONFIG: world.configurationFile, MILLRACE_LOG_LEVEL: 'warn' });
  const child = spawn(process.execPath, [MAIN, ...args], { env, cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = Promise.withResolvers<number | null>();
  child.once('error', ended.reject).once('close', ended.resolve);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended.promise]);
  return { code, stdout, stderr };
}

/** The same with `--json`: what it printed, line by line. */
export async function millraceJson(world: World, ...args: readonly string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await millrace(world, ...args, '--json');
  if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
