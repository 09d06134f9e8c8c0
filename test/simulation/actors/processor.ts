// A simulated processor: its pull loops, its look slots, its renderers. It runs the real `handle` and speaks JetStream for it, as the
// real pull loop does. One incarnation lasts from start to crash.
import type { WorkItem } from '../../../workers/model/messages.ts';
import { type ObjectRef, refHash } from '../../../workers/model/object-ref.ts';
import type { Lane } from '../../../workers/model/subjects.ts';
import { retry, type Verdict } from '../../../workers/model/verdict.ts';
import { handle } from '../../../workers/pipeline/handle.ts';
import type { Context, Index, Log, Ports } from '../../../workers/pipeline/ports.ts';
import { chainOf, isAppError } from '../../../workers/platform/errors.ts';
import { checkCommit } from '../checks.ts';
import type { Process } from '../scheduler.ts';
import { objectsPort } from '../twins/memory-objects.ts';
import { createMemoryRenderers } from '../twins/memory-renderers.ts';
import { ACK_WAIT_MS, type Delivery, type MemoryConsumer } from '../twins/memory-stream.ts';
import { type Host, INDEX_ID, type World } from '../world.ts';
import { createVolumes } from './volumes.ts';

/** Together with the working period (20 s) no more than the ack wait (60 s): who lost his message has lost his claim. */
const LEASE_MS = 30_000;
const SLOT_WAIT_MS = 500;

export interface Processor {
  readonly process: Process;
  rendering(): boolean;
  /** `linger`: its renderers do not notice at once. */
  crash(linger: boolean): void;
  stop(childrenToo: boolean): void;
  resume(): void;
  /** SIGTERM: what runs is given up and handed back; `done` is called when nothing runs any more. */
  terminate(done: () => void): void;
}

export function startProcessor(world: World, host: Host, name: string): Processor {
  const { scheduler, profile } = world;
  const { random } = scheduler;
  const process = scheduler.process(name);
  const suspend = world.suspend(process);
  const wanted = world.configuration.current();
  const stopping = new AbortController();
  const volumes = createVolumes(world, process, host);
  const { renderers, children } = createMemoryRenderers({
    scheduler,
    parent: process,
    slots: profile.renderSlots,
    fate: world.fate,
    fetch: world.objects.fetch,
    volume: world.volume,
  });
  let stoppedChildren: readonly Process[] = [];
  let handling = 0;
  let whenIdle: (() => void) | null = null;

  const index: Omit<Index, 'commit' | 'claim'> = {
    row: (ref) => suspend('index.row', () => world.index.index.row(ref)),
    sourceId: (...args) => suspend('index.sourceId', () => world.index.index.sourceId(...args)),
    oweSweep: (...args) => suspend('index.oweSweep', () => world.index.index.oweSweep(...args)),
    renew: (...args) => suspend('index.renew', () => world.index.index.renew(...args)),
    abandon: (...args) => suspend('index.abandon', () => world.index.index.abandon(...args)),
    forgetRemoved: (...args) => suspend('index.forgetRemoved', () => world.index.index.forgetRemoved(...args)),
  };
  const objects = objectsPort(world.objects, suspend);

  /** The ports of one handling: they remember how much of the object's history its last look has seen. */
  function portsOf(): Ports {
    let seen = 0;
    return {
      volumes,
      renderers,
      index: {
        ...index,
        claim: (request) =>
          suspend('index.claim', () => {
            const answer = world.index.index.claim(request);
            if (world.index.standingClaims(request.ref, request.version) > 1) {
              world.violate('I3: two unexpired claims of one version');
            }
            return answer;
          }),
        commit: (request) =>
          suspend('index.commit', () => {
            const before = world.index.index.row(request.ref);
            const answer = world.index.index.commit(request);
            if (answer.kind === 'committed') checkCommit(world, request, before, answer.row, seen);
            return answer;
          }),
      },
      objects: {
        ...objects,
        ...objectsPort(
          {
            ...world.objects,
            head(ref) {
              seen = world.history.changes.get(refHash(ref)) ?? 0;
              return world.objects.head(ref);
            },
          },
          suspend,
        ),
      },
      outcomes: { tell: (outcome) => suspend('outcomes.tell', () => world.outcomes.outcomes.tell(outcome)) },
      workItems: { publish: (...args) => suspend('workItems.publish', () => world.workItems.publish(...args)) },
    };
  }

  async function pull<Body extends ObjectRef | WorkItem>(
    consumer: MemoryConsumer<Body>,
    lane: Lane | 'removals',
    laneTier: string | null,
  ): Promise<void> {
    while (!stopping.signal.aborted) {
      const waits = lane !== 'removals' && volumes.openTiers().length === 0;
      if (waits) {
        await scheduler.sleep(process, 1_000);
        continue;
      }
      const delivery = await consumer.next(process);
      if (stopping.signal.aborted) {
        delivery.nak(0);
        return;
      }
      handling++;
      await work(delivery, lane, laneTier);
      handling--;
      if (handling === 0) whenIdle?.();
    }
  }

  async function work(
    delivery: Delivery<ObjectRef | WorkItem>,
    lane: Lane | 'removals',
    laneTier: string | null,
  ): Promise<void> {
    const ref = 'ref' in delivery.body ? delivery.body.ref : delivery.body;
    const hold = createHold(delivery);
    using _working = scheduler.every(process, ACK_WAIT_MS / 3, async () => hold.prolong());
    if (!hold.ours()) return; // it lay in the buffer of a stopped process: somebody else has it
    const { variant } = world;
    const handling = { deliveryCount: delivery.count, look: variant.look };
    const { ports, look, afterAck } = variant.wrap(portsOf(), handling);
    let verdict: Verdict;
    try {
      verdict = await handle(ref, ports, contextOf(delivery, lane, laneTier), look);
    } catch (error) {
      if (!isAppError(error)) world.violate(`handle threw ${chainOf(error)}`);
      verdict = retry(500 + random.below(2_000), 'THROWN');
    }
    world.history.handled++;
    // Only what is surely still ours: a late ack would take the message from whoever works on it now.
    if (!hold.ours()) return;
    await settle(delivery, verdict);
    afterAck();
  }

  /** Whether a delivery is still ours, by our own clock: nobody tells us when the stream has given it to another. */
  function createHold(delivery: Delivery<unknown>) {
    let provedAtMs = delivery.deliveredAtMs;
    const ours = (): boolean => scheduler.now() - provedAtMs < ACK_WAIT_MS / 2;
    return {
      ours,
      prolong() {
        if (!ours()) return;
        provedAtMs = scheduler.now();
        delivery.working();
      },
    };
  }

  async function settle(delivery: Delivery<unknown>, verdict: Verdict): Promise<void> {
    switch (verdict.kind) {
      case 'settled':
      case 'skipped':
      case 'handed-over':
        await suspend(`ack (${verdict.kind})`, delivery.ack).catch(() => undefined); // lost: it comes again
        return;
      case 'retry':
        await suspend(`nak (${verdict.code})`, () => delivery.nak(verdict.afterMs)).catch(() => undefined);
        return;
      case 'dead-letter':
        world.violate(`a message became a dead letter: ${verdict.code}`);
    }
  }

  function contextOf(
    { messageId, count }: Delivery<unknown>,
    lane: Lane | 'removals',
    laneTier: string | null,
  ): Context {
    return {
      wanted,
      indexId: INDEX_ID,
      host: host.name,
      lane,
      removeUncovered: false,
      laneTier,
      messageId,
      deliveryCount: count,
      leaseMs: LEASE_MS,
      slotWaitMs: SLOT_WAIT_MS,
      signal: stopping.signal,
      log: SILENT,
      now: scheduler.now,
      random: random.next,
      newSetId: world.newSetId,
      every: (ms, callback) => scheduler.every(process, ms, callback),
      reached: () => undefined,
    };
  }

  for (let slot = 0; slot < profile.lookSlots; slot++) void pull(world.consumers.changes, 'live', null);
  void pull(world.consumers.removals, 'removals', null);
  for (const { tier, lane, consumer } of world.lanes) {
    if (host.volumes.some((volume) => volume.tier === tier)) void pull(consumer, lane, tier);
  }

  return {
    process,
    rendering: () => children().length > 0,
    crash(linger) {
      scheduler.kill(process);
      for (const child of children()) {
        scheduler.resume(child);
        if (!linger) scheduler.kill(child);
        else if (random.chance(0.5))
          scheduler.later('renderer notices', random.below(120_000), () => scheduler.kill(child));
      }
    },
    stop(childrenToo) {
      scheduler.stop(process);
      stoppedChildren = childrenToo ? children() : [];
      for (const child of stoppedChildren) scheduler.stop(child);
    },
    resume() {
      for (const one of [process, ...stoppedChildren]) scheduler.resume(one);
    },
    terminate(done) {
      whenIdle = () => {
        whenIdle = null;
        scheduler.kill(process);
        done();
      };
      stopping.abort();
      if (handling === 0) whenIdle();
    },
  };
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
