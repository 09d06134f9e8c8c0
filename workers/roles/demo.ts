// What a newcomer sees first: sample pictures go into the bucket by the S3 client, and each is followed until it is committed.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSamples } from '../imaging/samples.ts';
import { openIndex } from '../index/open-index.ts';
import type { Configuration } from '../model/configuration.ts';
import type { Outcome } from '../model/messages.ts';
import { connectNats } from '../nats/connect.ts';
import { watchOutcomes } from '../nats/outcome-watch.ts';
import { openObjects } from '../objects/open-objects.ts';
import { upload } from '../objects/upload.ts';
import { AppError } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import { databaseOptions, natsOptions, storeConfig } from './connections.ts';

export interface DemoRun {
  /** Of the stack; the samples are painted into it. */
  readonly folder: string;
  readonly bucket: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

const SAMPLES = 6;
const PREFIX = 'samples/';
const DEADLINE_MS = 60_000;

/** What an earlier start has uploaded is only counted. Rejects with `DEMO_TIMED_OUT`. */
export async function demo(
  configuration: Configuration,
  { folder, bucket, log, signal, print }: DemoRun,
): Promise<void> {
  await using index = openIndex(databaseOptions(configuration, 'demo'), log);
  using objects = openObjects(storeConfig(configuration));
  const store = configuration.store.name;
  const there = new Set<string>();
  for await (const { key } of objects.list(bucket, PREFIX)) there.add(key);
  if (there.size >= SAMPLES) {
    let committed = 0;
    for await (const row of index.list({ store, bucket, prefix: PREFIX }))
      committed += Number(row.state === 'committed');
    print(`Found again: ${there.size} sample pictures in ${bucket}/${PREFIX}, ${committed} of them committed.`);
    return;
  }
  const samplesFolder = join(folder, 'samples');
  await mkdir(samplesFolder, { recursive: true });
  const samples = await makeSamples(samplesFolder, SAMPLES);

  await using nats = await connectNats(natsOptions(configuration, 'demo'), log, signal);
  const waiting = new Map<string, (outcome: Outcome) => void>();
  using _watch = await watchOutcomes(nats, (outcome) => {
    if (outcome.state !== 'removed') waiting.get(outcome.ref.key)?.(outcome);
  });
  print(`Uploading ${samples.length} sample pictures to ${bucket}/${PREFIX} …`);
  for (const { file, contentType } of samples) {
    signal.throwIfAborted();
    const key = `${PREFIX}${file}`;
    const body = await readFile(join(samplesFolder, file));
    const { promise: told, resolve } = Promise.withResolvers<Outcome>();
    waiting.set(key, resolve);
    const startedMs = performance.now();
    await upload(storeConfig(configuration), { bucket, key }, body, contentType);
    const outcome = await orLate(told, key, signal);
    print(lineOf(outcome, performance.now() - startedMs));
  }
}

function lineOf({ ref, state, renditions, refusal }: Outcome, tookMs: number): string {
  const made = renditions.map(({ preset, width, height }) => `${preset} ${width}×${height}`).join(', ');
  const what = state === 'committed' ? made : `${state} ${refusal?.code ?? ''}`.trim();
  return `  ${ref.key}  ${what}  ${Math.round(tookMs)} ms from PUT to committed`;
}

async function orLate<T>(work: Promise<T>, key: string, signal: AbortSignal): Promise<T> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = () =>
    reject(
      signal.aborted
        ? signal.reason
        : new AppError('DEMO_TIMED_OUT', `${key} was not committed within ${DEADLINE_MS / 1_000} s`, {
            remedy:
              'Look into the logs folder of the data folder: processor-1.log and keeper.log say what they wait for.',
          }),
    );
  late.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    late.removeEventListener('abort', giveUp);
  }
}
