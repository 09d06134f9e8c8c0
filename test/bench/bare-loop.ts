// The tuned sharp calls of a renderer on local files, and nothing else: no messages, no store, nothing written.
import { readFile } from 'node:fs/promises';
import { renderPicture } from '../../workers/imaging/steps.ts';
import { eachInFlight } from './in-flight.ts';
import type { LoopSetup } from './loops.ts';
import type { Work } from './loop-child.ts';

export function createBareLoop({ presets, limits, inFlight }: LoopSetup): Work {
  return ({ files }) =>
    eachInFlight(files, inFlight, async (file) => {
      await renderPicture(
        await readFile(file),
        { presets, limits, damaged: 'render', gps: false },
        async () => undefined,
      );
    });
}
