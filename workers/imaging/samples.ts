// Sample pictures for the demo, painted in a child process: the caller loads no decoder and is not kept busy.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AppError } from '../platform/errors.ts';
import type { SampleSpec } from './sample-picture.ts';

export interface Sample {
  /** Name in the directory. */
  readonly file: string;
  readonly contentType: string;
}

const SPECS: readonly Omit<SampleSpec, 'seed'>[] = [
  { megapixels: 12, kind: 'jpeg', profile: 'srgb', orientation: 1 },
  { megapixels: 3, kind: 'jpeg', profile: 'srgb', orientation: 6 },
  { megapixels: 8, kind: 'jpeg', profile: 'p3', orientation: 1 },
  { megapixels: 1, kind: 'png-alpha', profile: 'srgb', orientation: 1 },
  { megapixels: 2, kind: 'progressive-jpeg', profile: 'srgb', orientation: 3 },
  { megapixels: 2, kind: 'webp', profile: 'srgb', orientation: 1 },
];

/** Writes `count` pictures into the existing directory and resolves with their names. Errors: SAMPLES_FAILED. */
export async function makeSamples(directory: string, count: number): Promise<readonly Sample[]> {
  const specs = Array.from({ length: count }, (_, at) => ({
    ...(SPECS[at % SPECS.length] as SampleSpec),
    seed: at + 1,
  }));
  const child = fork(fileURLToPath(new URL('./samples-child.ts', import.meta.url)), [], {
    execArgv: [],
    serialization: 'json',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const made = new Promise<readonly Sample[]>((resolve) => {
    child.once('message', (samples: readonly Sample[]) => resolve(samples));
  });
  const failed = once(child, 'exit').then(([code]) => {
    throw new AppError('SAMPLES_FAILED', `the sample pictures could not be made: exit code ${String(code)}`);
  });
  child.send({ directory, specs });
  try {
    return await Promise.race([made, failed]);
  } finally {
    child.kill('SIGKILL');
    await failed.catch(() => {});
  }
}
