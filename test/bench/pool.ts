// The pool beside a bare pipeline, a bare loop and a naive one: the same pictures, in one run, in rounds whose order rotates.
import { readFile, writeFile } from 'node:fs/promises';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { join } from 'node:path';
import { makeSamplePicture } from '../../workers/imaging/sample-picture.ts';
import type { Child } from '../../workers/local/child.ts';
import { wantedOf } from '../../workers/model/configuration.ts';
import { EVENT_SUBJECTS, STREAMS } from '../../workers/model/subjects.ts';
import { storeConfig } from '../../workers/roles/connections.ts';
import { eachInFlight } from './in-flight.ts';
import { type Loop, type LoopKind, startLoop } from './loops.ts';
import { cpuSecondsOf, ownCpuSecondsOf, watchPeak } from './process-cost.ts';
import { startWorld, type World } from './world.ts';

export interface Source {
  readonly path: string;
  readonly name: string;
  readonly contentType: string;
}

export interface PoolOptions {
  readonly pictures: readonly Source[];
  readonly rounds: number;
  readonly renderers: number;
  readonly latencyPictures: number;
  /** Small pictures that come first, unmeasured. */
  readonly warmUps: number;
  readonly say: (line: string) => void;
}

export interface Measured {
  readonly images: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface PoolMeasured extends Measured {
  /** Of `cpuSeconds`, what the processor itself took; the rest is its renderers'. */
  readonly processorCpuSeconds: number;
  /** CPU beside the pool's own processes while it worked. */
  readonly keeperCpuSeconds: number;
  readonly serverCpuSeconds: Readonly<Record<'minio' | 'nats' | 'postgres', number>>;
  /** Renders begun: more than images where work was thrown away. */
  readonly attempts: number;
}

export interface Round {
  readonly pool: PoolMeasured;
  readonly loops: Readonly<Record<LoopKind, Measured>>;
}

export interface Latency {
  readonly bareMs: number;
  /** From the PUT's answer to the outcome's arrival at a subscriber. */
  readonly committedMs: number;
  /** The same from the moment the PUT is sent. */
  readonly fromSendingMs: number;
}

export interface PoolRun {
  readonly rounds: readonly Round[];
  readonly latencies: readonly Latency[];
  readonly peakPssMb: number;
}

const UPLOADS = 8;
const PIPELINE_CONSUMER = 'bench-pipeline';
const KINDS = ['pool', 'pipeline', 'bare', 'naive'] as const;

export async function measurePool(options: PoolOptions, prepared: (world: World) => Promise<void>): Promise<PoolRun> {
  const { pictures, renderers, say } = options;
  await using opened = new AsyncDisposableStack();
  const world = opened.use(await startWorld({ renderers }));
  await prepared(world);
  await world.nats.manager.consumers.add(STREAMS.events, {
    durable_name: PIPELINE_CONSUMER,
    filter_subject: EVENT_SUBJECTS.created, // no twins
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.New,
    max_ack_pending: 4_096,
  });
  const loops = new Map<LoopKind, Loop>();
  for (const kind of ['pipeline', 'bare', 'naive'] as const) {
    loops.set(kind, opened.use(await startLoop(loopSetup(world, kind, renderers))));
  }
  const processor = await world.startProcessor(1);

  say('warming up …');
  await warmUp(world, loops, options);

  using peak = watchPeak(processor.pid);
  const rounds: Round[] = [];
  for (let round = 0; round < options.rounds; round++) {
    await world.quiet();
    await world.pause();
    const keys = await uploadAll(world, `round-${round}`, pictures);
    const measured: Partial<Record<(typeof KINDS)[number], Measured>> = {};
    for (let at = 0; at < KINDS.length; at++) {
      const kind = KINDS[(at + round) % KINDS.length] as (typeof KINDS)[number];
      measured[kind] =
        kind === 'pool' ? await drainPool(world, processor, keys) : await runLoop(loops.get(kind) as Loop, pictures);
    }
    const { pool, ...others } = measured as Record<(typeof KINDS)[number], Measured>;
    rounds.push({ pool: pool as PoolMeasured, loops: others });
    const rates = KINDS.map((kind) => `${kind} ${rateOf(measured[kind] as Measured).toFixed(2)}`);
    say(`round ${round + 1} of ${options.rounds}: ${rates.join(' · ')} images/s`);
  }

  const latencies: Latency[] = [];
  const bare = loops.get('bare') as Loop;
  for (let at = 0; at < options.latencyPictures; at++) {
    const picture = pictures[at % pictures.length] as Source;
    latencies.push(await latencyOf(world, bare, picture, `idle/${at}-${picture.name}`));
  }
  await world.quiet();
  return { rounds, latencies, peakPssMb: peak.peakPssMb };
}

/**
 * Until every process has loaded and compiled its code, as one that has run for a minute has: a young processor spends three times as
 * much on a message as an old one (measured: 15 ms and 5). Small pictures do that soonest; large ones then make room in memory.
 */
async function warmUp(
  world: World,
  loops: ReadonlyMap<LoopKind, Loop>,
  { renderers, pictures, warmUps }: PoolOptions,
): Promise<void> {
  const path = join(world.folder, 'warm-up.jpg');
  const { bytes } = await makeSamplePicture({
    megapixels: 0.02,
    kind: 'jpeg',
    profile: 'srgb',
    orientation: 1,
    seed: 1,
  });
  await writeFile(path, bytes);
  const small = Array.from({ length: warmUps }, () => ({ path, name: 'small.jpg', contentType: 'image/jpeg' }));
  const large = Array.from({ length: 2 * renderers }, (_, at) => pictures[at % pictures.length] as Source);
  const all = [...small, ...large];
  const keys = await uploadAll(world, 'warm-up', all);
  await world.allCommitted(keys);
  for (const loop of loops.values()) await loop.run({ files: all.map((one) => one.path) });
  await world.quiet();
}

export function rateOf({ images, seconds }: Measured): number {
  return images / seconds;
}

function loopSetup({ configuration, servers, folder }: World, kind: LoopKind, inFlight: number) {
  const { presets, limits } = wantedOf(configuration, 1);
  return {
    kind,
    inFlight,
    presets: Object.values(presets),
    limits,
    pipeline: {
      natsUrl: servers.nats.url,
      stream: STREAMS.events,
      consumer: PIPELINE_CONSUMER,
      store: storeConfig(configuration),
      outputFolder: join(folder, 'pipeline-output'),
    },
  };
}

/** Resolves with the keys when both copies of every event are in the stream: the twins' looks are part of what is measured. */
async function uploadAll(world: World, prefix: string, pictures: readonly Source[]): Promise<readonly string[]> {
  const jobs = pictures.map((picture, at) => ({
    ...picture,
    key: `${prefix}/${String(at).padStart(4, '0')}-${picture.name}`,
  }));
  await eachInFlight(jobs, UPLOADS, async ({ key, path, contentType }) => {
    await world.put(key, await readFile(path), contentType);
  });
  await world.twinsArrived();
  return jobs.map(({ key }) => key);
}

/** Time: from the first delivery to the last outcome's arrival here. CPU: until the last message, twins included, is acked. */
async function drainPool(world: World, processor: Child, keys: readonly string[]): Promise<PoolMeasured> {
  const { minio, nats, postgres } = world.servers;
  const cpuNow = () => ({
    pool: cpuSecondsOf(processor.pid),
    processor: ownCpuSecondsOf(processor.pid),
    keeper: cpuSecondsOf(world.keeper.pid),
    minio: cpuSecondsOf(minio.pid),
    nats: cpuSecondsOf(nats.pid),
    postgres: cpuSecondsOf(postgres.pid),
  });
  const attemptsBefore = await world.attempts();
  const before = cpuNow();
  const startedMs = await world.resume();
  const endedMs = await world.allCommitted(keys);
  await world.quiet();
  const after = cpuNow();
  return {
    images: keys.length,
    seconds: (endedMs - startedMs) / 1_000,
    cpuSeconds: after.pool - before.pool,
    processorCpuSeconds: after.processor - before.processor,
    keeperCpuSeconds: after.keeper - before.keeper,
    serverCpuSeconds: {
      minio: after.minio - before.minio,
      nats: after.nats - before.nats,
      postgres: after.postgres - before.postgres,
    },
    attempts: (await world.attempts()) - attemptsBefore,
  };
}

async function runLoop(loop: Loop, pictures: readonly Source[]): Promise<Measured> {
  const result = await loop.run({ files: pictures.map(({ path }) => path) });
  return { images: pictures.length, ...result };
}

/** First the bare render, then the PUT, nothing beside either but the look at the twin of an earlier picture. */
async function latencyOf(world: World, bare: Loop, picture: Source, key: string): Promise<Latency> {
  const { seconds } = await bare.run({ files: [picture.path] });
  const bytes = await readFile(picture.path);
  const sentMs = performance.now();
  await world.put(key, bytes, picture.contentType);
  const storedMs = performance.now();
  const committedAtMs = await world.allCommitted([key]);
  return { bareMs: seconds * 1_000, committedMs: committedAtMs - storedMs, fromSendingMs: committedAtMs - sentMs };
}
