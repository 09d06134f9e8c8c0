// The processor: pulls changes, removals and planned work, and has each object brought to its desired state. Wiring, nothing else.
import { openIndex } from '../index/open-index.ts';
import { createRenderers } from '../imaging/renderers.ts';
import type { Configuration } from '../model/configuration.ts';
import type { ProcessorReport } from '../model/pool-status.ts';
import { CONSUMERS, type Lane, plannedConsumer, STREAMS } from '../model/subjects.ts';
import { connectNats } from '../nats/connect.ts';
import { startExhausted } from '../nats/exhausted.ts';
import { createDeadLetters } from '../nats/dead-letters.ts';
import { createOutcomes } from '../nats/outcomes.ts';
import { type PullLoop, startPullLoop } from '../nats/pull-loop.ts';
import { type PurgeAlarm, startPurge } from '../nats/purge.ts';
import { answerRollCall } from '../nats/roll-call.ts';
import { verifyJetStream } from '../nats/provision.ts';
import { watchVolumes } from '../nats/volume-watch.ts';
import { createWorkItems } from '../nats/work-items.ts';
import { openObjects } from '../objects/open-objects.ts';
import type { Ports } from '../pipeline/ports.ts';
import { type Role, runPhases } from '../platform/lifecycle.ts';
import type { Log } from '../platform/log.ts';
import { waitFor } from '../platform/wait-for.ts';
import { createMessageHandler } from './message-handler.ts';
import { databaseOptions, jetStreamOptions, natsOptions, storeConfig } from './connections.ts';
import { createPending } from './pending.ts';
import type { ProcessorHooks } from './processor-hooks.ts';
import { watchGeneration } from './generation.ts';

/** Resolves when it pulls; waits for servers that are away. Rejects where something is missing that only `provision` makes. */
export async function startProcessor(
  configuration: Configuration,
  log: Log,
  signal: AbortSignal,
  hooks: ProcessorHooks = {},
): Promise<Role> {
  await using opened = new AsyncDisposableStack();
  const { host, processor, tiers } = configuration;

  const index = opened.use(openIndex(databaseOptions(configuration, `processor ${host}`), log));
  const indexId = await waitFor('index', () => index.verifyIndex(), log, signal);
  const nats = opened.use(await connectNats(natsOptions(configuration, `processor-${host}`), log, signal));
  await waitFor(
    'JetStream',
    () => verifyJetStream(nats, jetStreamOptions(configuration, hooks.ackWaitMs)),
    log,
    signal,
  );
  const objects = opened.use(openObjects(storeConfig(configuration)));
  const volumes = opened.use(await watchVolumes(nats, { host, indexId }, log));

  const loops: PullLoop[] = [];
  const wakeAll = () => loops.forEach((loop) => loop.wake());
  const generation = opened.use(await watchGeneration(configuration, index, { log, signal, changed: wakeAll }));

  const pending = createPending();
  const renderers = opened.use(
    createRenderers({
      ...(processor.renderers === 0 ? {} : { size: processor.renderers }),
      largePermit: (wanted) => index.hostPermit(`large picture on ${host}`, wanted),
      othersPending: () => pending.any(),
      log,
      ...hooks.renderers,
    }),
  );

  const ports: Ports = {
    index,
    objects,
    renderers,
    volumes,
    outcomes: createOutcomes(nats),
    workItems: createWorkItems(nats),
  };
  const handlerFor = createMessageHandler({ ports, generation, indexId, host, leaseMs: processor.leaseMs, log, hooks });
  const deadLetters = createDeadLetters(nats, { host });

  /** So many that each renderer has its next message looked at and waiting, and no more: what waits here could run elsewhere. */
  const looks = Math.min(processor.lookSlots, 2 * renderers.size);

  function pull(
    stream: string,
    consumer: string,
    lane: Lane | 'removals',
    tier: string | null,
    open: () => boolean,
  ): void {
    const handler = handlerFor(lane, tier);
    const loop = opened.use(
      startPullLoop(nats, {
        stream,
        consumer,
        maxInFlight: lane === 'removals' ? processor.lookSlots : looks,
        room: () => (generation.wanted() !== null && open() ? Number.POSITIVE_INFINITY : 0),
        handler: (message, given) => {
          if (lane === 'live' || lane === 'urgent') pending.saw(consumer, message.pending);
          return handler(message, given);
        },
        deadLetters,
        log,
        ...(hooks.reached === undefined ? {} : { reached: hooks.reached }),
        ...(hooks.ackWaitMs === undefined ? {} : { workingEveryMs: hooks.ackWaitMs / 3 }),
      }),
    );
    loops.push(loop);
  }

  pull(STREAMS.events, CONSUMERS.changes, 'live', null, () => volumes.openTiers().length > 0);
  pull(STREAMS.events, CONSUMERS.removals, 'removals', null, () => true);
  for (const tier of Object.keys(tiers)) {
    const isOpen = () => volumes.openFor(tier) !== null;
    pull(STREAMS.planned, plannedConsumer(tier, 'urgent'), 'urgent', tier, isOpen);
    pull(STREAMS.planned, plannedConsumer(tier, 'bulk'), 'bulk', tier, isOpen);
  }
  loops.push(opened.use(startExhausted(nats, { deadLetters, log })));
  opened.use(volumes.onChange(wakeAll));

  const startedMs = performance.now();
  opened.use(answerRollCall(nats, report, log));
  function report(): ProcessorReport {
    return {
      v: 1,
      host,
      pid: process.pid,
      upMs: Math.round(performance.now() - startedMs),
      generation: generation.wanted()?.generation ?? null,
      renderers: { size: renderers.size, busy: renderers.busy },
      openTiers: [...volumes.openTiers()],
      loops: loops.map((loop) => {
        const { consumer, state, code, inFlight, pauseMs } = loop.status();
        return { consumer, state, code, inFlight, pauseMs };
      }),
    };
  }

  opened.use(startPurge(nats, { onAlarm: oweSweepOfAll }, log));
  /** What was lost from the stream may have been about any object. */
  async function oweSweepOfAll(alarm: PurgeAlarm): Promise<void> {
    const buckets = new Set(configuration.sources.map(({ bucket }) => bucket));
    await Promise.all(Array.from(buckets, (bucket) => index.oweSweep(configuration.store.name, bucket, alarm)));
  }

  const rest = opened.move();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    const drainMs = processor.drainS * 1_000;
    stopped ??= runPhases(
      [
        {
          name: 'hand back and finish',
          deadlineMs: drainMs + 10_000,
          run: () => Promise.all(loops.map((loop) => loop.stop(drainMs))),
        },
        { name: 'close', deadlineMs: 15_000, run: () => rest.disposeAsync() },
      ],
      log,
    );
    return stopped;
  };
  return {
    ended: endedWith(nats.closed),
    checks: () => ({
      nats: nats.state === 'connected' ? null : `NATS is ${nats.state}`,
      configuration: generation.wanted() === null ? 'CONFIG_OUTDATED: not the registered generation' : null,
      volumes: volumes.openTiers().length > 0 ? null : 'no open volume on this host: changes wait in EVENTS',
      consumers: troubleOf(loops),
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function endedWith(closed: Promise<Error | null>): Promise<void> {
  const error = await closed;
  if (error !== null) throw error;
}

function troubleOf(loops: readonly PullLoop[]): string | null {
  const codes = loops.flatMap((loop) => loop.status().code ?? []);
  return codes.length === 0 ? null : `pull loops in trouble: ${[...new Set(codes)].join(', ')}`;
}
