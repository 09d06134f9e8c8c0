// Looks at each hop between an upload and its renditions, in their order, and at last sends an object through. Wiring.
import type { DoctorRequest, Run } from '../cli/deps.ts';
import { type OpenIndex, openIndex } from '../index/open-index.ts';
import { type Configuration } from '../model/configuration.ts';
import type { Finding } from '../model/finding.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import { verifyJetStream } from '../nats/provision.ts';
import { openStore } from '../objects/signed-request.ts';
import { upload } from '../objects/upload.ts';
import { verifyStore } from '../objects/verify-store.ts';
import { examinePool, finding } from '../pipeline/examine.ts';
import { explain } from '../pipeline/explain.ts';
import { AppError, chainOf, codeOf } from '../platform/errors.ts';
import { uuidV7 } from '../platform/uuid-v7.ts';
import { databaseOptions, jetStreamOptions, storeConfig } from './connections.ts';
import type { ProcessorHooks } from './processor-hooks.ts';
import { connectDesk, deskOver, samplePool } from './desk.ts';
import { generationHash } from './generation.ts';

/** One green pixel. */
const PROBE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==',
  'base64',
);
const LOOK_MS = 200;

/** In the order of the hops. Never throws for what is broken: that is what it tells. */
export async function* doctor(
  configuration: Configuration,
  { probe, probeTimeoutMs = 30_000 }: DoctorRequest,
  run: Run,
  hooks: Pick<ProcessorHooks, 'ackWaitMs'> = {},
): AsyncGenerator<Finding, void, undefined> {
  await using opened = new AsyncDisposableStack();
  const index = opened.use(openIndex(databaseOptions(configuration, 'doctor'), run.log));
  const indexFault = await faultOf('index', () => verify(index, configuration));
  yield indexFault ?? fine('index', 'answers, and this configuration is the registered one');

  yield* storeFindings(configuration, indexFault === null ? index : null);

  let nats: Awaited<ReturnType<typeof connectDesk>> | undefined;
  const natsFault = await faultOf('NATS', async () => {
    nats = opened.use(await connectDesk(configuration, run));
  });
  yield natsFault ?? fine('NATS', 'answers');
  if (nats === undefined) return yield* skipped(['streams', 'pool', 'probe'], 'NATS does not answer');
  const connected = nats;

  let harmless: readonly string[] = [];
  const streamsFault = await faultOf('streams', async () => {
    harmless = await verifyJetStream(connected, jetStreamOptions(configuration, hooks.ackWaitMs));
  });
  yield streamsFault ?? fine('streams', 'all streams and consumers are as provisioned');
  for (const drift of harmless) yield finding('streams', 'warning', 'DRIFT', drift);
  if (streamsFault !== null || (indexFault !== null && indexFault.code !== 'CONFIG_OUTDATED'))
    return yield* skipped(['pool', 'probe'], 'streams or index are broken');

  const findings: Finding[] = [];
  const poolFault = await faultOf('pool', async () => {
    const sample = await samplePool(configuration, index, connected);
    findings.push(...examinePool(sample, Object.keys(configuration.tiers)));
  });
  yield* poolFault === null ? findings : [poolFault];

  if (!probe) return yield* skipped(['probe'], 'it was not wanted');
  await using desk = await deskOver(configuration, index, connected);
  yield await probed(configuration, desk, probeTimeoutMs, run.signal);
}

async function verify(index: OpenIndex, configuration: Configuration): Promise<void> {
  await index.verifyIndex();
  const registered = await index.currentGeneration();
  if (registered?.contentHash === generationHash(configuration)) return;
  throw new AppError('CONFIG_OUTDATED', 'this configuration is not the registered one');
}

async function* storeFindings(configuration: Configuration, index: OpenIndex | null): AsyncGenerator<Finding> {
  const buckets = [...new Set(configuration.sources.map(({ bucket }) => bucket))];
  using store = openStore(storeConfig(configuration));
  const { name } = configuration.store;
  let faults: readonly AppError[] = [];
  const away = await faultOf('store', async () => {
    const sources = buckets.map(async (bucket) => {
      // Without the index the tag cannot be judged; reachability and rules can.
      return { bucket, sourceId: index === null ? null : await index.sourceId(name, bucket) };
    });
    faults = await verifyStore(store, await Promise.all(sources));
  });
  if (away !== null) return yield away;
  const told = index === null ? faults.filter(({ code }) => code !== 'SOURCE_UNKNOWN') : faults;
  for (const { code, message, remedy } of told) yield finding('store', 'broken', code, message, remedy);
  if (told.length === 0) yield fine('store', `answers; ${buckets.length} buckets bear their tags and rules`);
}

/** Named by where it stopped: `explain` says why. */
async function probed(
  configuration: Configuration,
  desk: Awaited<ReturnType<typeof deskOver>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Finding> {
  const [source] = configuration.sources;
  if (source === undefined) return finding('probe', 'skipped', 'NO_SOURCE', 'no source to put an object into');
  const ref: ObjectRef = {
    store: configuration.store.name,
    bucket: source.bucket,
    key: `${source.prefix}.millrace-doctor-${uuidV7()}.png`,
  };
  using store = openStore(storeConfig(configuration));
  try {
    const startedMs = performance.now();
    await upload(storeConfig(configuration), ref, PROBE, 'image/png');
    const row = await until(timeoutMs, signal, async () => (await desk.index.row(ref)) ?? null);
    const tookMs = Math.round(performance.now() - startedMs);
    if (row?.state === 'committed') return fine('probe', `an object was rendered and committed in ${tookMs} ms`);
    const { wanted, decoders } = desk;
    const { diagnosis, events } = await explain(ref, desk, { wanted, decoders, nowMs: Date.now(), sinceMs: undefined });
    if (events.length === 0)
      return finding('probe', 'broken', 'NO_EVENT', 'an object was put, and no event of it came');
    const message = `an object was put and is ${diagnosis.standing}: ${diagnosis.because}`;
    return finding('probe', 'broken', 'PROBE_NOT_RENDERED', message, diagnosis.help ?? undefined);
  } catch (error) {
    return faultFinding('probe', error);
  } finally {
    // A store that fails here failed above too, and was told.
    await faultOf('probe', async () => void (await store.send({ method: 'DELETE', bucket: ref.bucket, key: ref.key })));
  }
}

async function until<T>(timeoutMs: number, signal: AbortSignal, look: () => Promise<T | null>): Promise<T | null> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== null || performance.now() >= deadlineMs) return found;
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, LOOK_MS);
    await promise;
  }
}

async function faultOf(hop: string, look: () => Promise<void>): Promise<Finding | null> {
  try {
    await look();
    return null;
  } catch (error) {
    return faultFinding(hop, error);
  }
}

function faultFinding(hop: string, error: unknown): Finding {
  const remedy = error instanceof AppError ? error.remedy : undefined;
  return finding(hop, 'broken', codeOf(error), chainOf(error), remedy);
}

function fine(hop: string, message: string): Finding {
  return { hop, state: 'fine', code: null, message, remedy: null };
}

function* skipped(hops: readonly string[], why: string): Generator<Finding, void, undefined> {
  for (const hop of hops) yield { hop, state: 'skipped', code: null, message: why, remedy: null };
}
