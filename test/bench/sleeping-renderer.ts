// A renderer child that only sleeps: what it answers says that everything went well, and nothing is downloaded, decoded or written.
import { setTimeout as delay } from 'node:timers/promises';
import type { FromChild, ToChild } from '../../workers/imaging/ipc.ts';

const sleepMs = Number(process.env['BENCH_SLEEP_MS']);
const send = (message: FromChild) => process.send?.(message);

process.on('disconnect', () => process.exit());
process.on('message', ({ kind }: ToChild) => {
  if (kind === 'render') void sleep();
});

async function sleep(): Promise<void> {
  send({ kind: 'phase', phase: 'downloading' });
  send({ kind: 'phase', phase: 'decoding' });
  await delay(sleepMs);
  send({
    kind: 'done',
    rssBytes: 0,
    result: {
      kind: 'rendered',
      renditions: [],
      metadata: {
        width: 1,
        height: 1,
        format: 'jpeg',
        orientation: 1,
        colourSpace: 'srgb',
        hasAlpha: false,
        frames: 1,
        dominantColour: '#000000',
        thumbhash: '',
        exif: {},
      },
      damaged: false,
      phasesMs: {},
    },
  });
}
