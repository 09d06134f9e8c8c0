// The registered generation beside our own configuration (I11): asked once by commands, watched by roles.
import { contentHash } from '../index/generations.ts';
import type { OpenIndex } from '../index/open-index.ts';
import { type Configuration, generationContent, wantedOf } from '../model/configuration.ts';
import { createGenerationWatch, type GenerationWatch } from '../pipeline/generation-watch.ts';
import { codeOf } from '../platform/errors.ts';
import { every } from '../platform/every.ts';
import type { Log } from '../platform/log.ts';
import { waitFor } from '../platform/wait-for.ts';

/** Equal to the `contentHash` of the generation that this configuration is. */
export function generationHash(configuration: Configuration): string {
  return contentHash(JSON.parse(generationContent(configuration)));
}

const LOOK_MS = 5_000;

/** Resolves after the first look, waiting for an index that is away; looks again until disposed. `changed`: whether anything is wanted now. */
export async function watchGeneration(
  configuration: Configuration,
  index: Pick<OpenIndex, 'currentGeneration'>,
  {
    log,
    signal,
    changed = () => {},
  }: { readonly log: Log; readonly signal: AbortSignal; readonly changed?: () => void },
): Promise<Pick<GenerationWatch, 'wanted'> & Disposable> {
  const watch = createGenerationWatch({
    current: () => index.currentGeneration(),
    contentHash: generationHash(configuration),
    wantedAt: (number) => wantedOf(configuration, number),
    log,
  });
  await waitFor('generation', () => watch.look(), log, signal);
  const looking = every(LOOK_MS, async () => {
    try {
      if (await watch.look()) changed();
    } catch (err) {
      log.warn({ err, code: codeOf(err) }, 'generation not looked at: what was known stays');
    }
  });
  return { wanted: () => watch.wanted(), [Symbol.dispose]: () => looking[Symbol.dispose]() };
}
