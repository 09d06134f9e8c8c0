// Index, store and JetStream for one command of an operator. Wiring.
import type { Desk, Run } from '../cli/deps.ts';
import { decoderVersions } from '../imaging/decoders.ts';
import { type OpenIndex, openIndex } from '../index/open-index.ts';
import { type Configuration, wantedOf } from '../model/configuration.ts';
import type { LaneLoad } from '../model/history.ts';
import type { LaneSample, PoolSample } from '../model/pool-status.ts';
import { CONSUMERS, plannedConsumer, STREAMS } from '../model/subjects.ts';
import { announcedVolumes } from '../nats/announced-volumes.ts';
import { connectNats, type Nats } from '../nats/connect.ts';
import { openDeadLetterBox } from '../nats/dead-letter-box.ts';
import { callRoll } from '../nats/roll-call.ts';
import { readFill, readLag } from '../nats/lag.ts';
import { scanStream } from '../nats/scan.ts';
import { createWorkItems } from '../nats/work-items.ts';
import { allEnded } from '../platform/all-ended.ts';
import { AppError } from '../platform/errors.ts';
import { openObjects } from '../objects/open-objects.ts';
import { databaseOptions, natsOptions, storeConfig } from './connections.ts';

/** A person waits: a server that is away is told, not waited for. */
const PATIENCE_MS = 5_000;

/** Errors: those of the index, `NATS_UNREACHABLE`. */
export async function openDesk(configuration: Configuration, { log, signal }: Run): Promise<Desk> {
  await using opened = new AsyncDisposableStack();
  const index = opened.use(openIndex(databaseOptions(configuration, 'operator'), log));
  await index.verifyIndex();
  const nats = opened.use(await connectDesk(configuration, { log, signal }));
  const desk = opened.use(await deskOver(configuration, index, nats));
  const rest = opened.move();
  return { ...desk, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

/** Over connections that stay the caller's. */
export async function deskOver(configuration: Configuration, index: OpenIndex, nats: Nats): Promise<Desk> {
  const wanted = wantedOf(configuration, (await index.currentGeneration())?.number ?? 0);
  const { store } = wanted;
  const objects = openObjects(storeConfig(configuration));
  return {
    wanted,
    decoders: decoderVersions(),
    index: {
      row: index.row,
      sourceId: index.sourceId,
      commit: index.commit,
      attemptsOf: index.attemptsOf,
      setsOf: index.setsOf,
      refused: (bucket, prefix) =>
        index.list({
          store,
          state: 'refused',
          ...(bucket === undefined ? {} : { bucket }),
          ...(prefix === undefined ? {} : { prefix }),
        }),
    },
    objects,
    sample: () => samplePool(configuration, index, nats),
    events: (sinceMs) => scanStream(nats, STREAMS.events, sinceMs === undefined ? {} : { sinceMs }),
    lanes: () => allEnded(lanesOf(configuration).map((lane) => loadOf(nats, lane))),
    keepers: () => announcedVolumes(nats),
    letters: openDeadLetterBox(nats),
    workItems: createWorkItems(nats),
    [Symbol.asyncDispose]: async () => objects[Symbol.dispose](),
  };
}

/** Errors: `NATS_UNREACHABLE`. */
export async function connectDesk(configuration: Configuration, { log, signal }: Run): Promise<Nats> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await connectNats(natsOptions(configuration, 'operator'), log, AbortSignal.any([signal, late]));
  } catch (cause) {
    if (!late.aborted || signal.aborted) throw cause;
    throw new AppError('NATS_UNREACHABLE', `NATS did not answer within ${PATIENCE_MS / 1_000} s`, { cause });
  }
}

type LaneName = Pick<LaneLoad, 'name' | 'lane' | 'tier'> & { readonly stream: string };

function lanesOf({ tiers }: Configuration): readonly LaneName[] {
  return [
    { stream: STREAMS.events, name: CONSUMERS.changes, lane: 'live', tier: null },
    { stream: STREAMS.events, name: CONSUMERS.removals, lane: 'removals', tier: null },
    ...Object.keys(tiers).flatMap((tier) =>
      (['urgent', 'bulk'] as const).map((lane) => {
        return { stream: STREAMS.planned, name: plannedConsumer(tier, lane), lane, tier };
      }),
    ),
  ];
}

async function loadOf(nats: Nats, { stream, name, lane, tier }: LaneName): Promise<LaneSample> {
  return { name, lane, tier, ...(await readLag(nats, stream, name)) };
}

/** Rejects when everything that it asks has ended. */
export async function samplePool(configuration: Configuration, index: OpenIndex, nats: Nats): Promise<PoolSample> {
  const [lanes, processors, volumes, streams, lastMinute, owed, flagged] = await allEnded([
    allEnded(lanesOf(configuration).map((lane) => loadOf(nats, lane))),
    callRoll(nats),
    announcedVolumes(nats),
    allEnded(Object.values(STREAMS).map((name) => readFill(nats, name))),
    index.recentAttempts(60_000),
    index.owedSweeps(),
    index.flaggedRemovals(),
  ]);
  return {
    atMs: Date.now(),
    lanes,
    processors,
    volumes,
    streams,
    lastMinute,
    owedSweeps: owed,
    withheldRemovals: flagged,
  };
}
