// From a message to `handle`: decodes it, gives it its context, and measures its steps.
import { decodeWorkItem, type WorkItem } from '../model/messages.ts';
import type { Lane } from '../model/subjects.ts';
import { retry, type Verdict } from '../model/verdict.ts';
import { refHash } from '../model/object-ref.ts';
import type { IncomingMessage } from '../nats/message.ts';
import { decodeObjectEvent } from '../pipeline/decode-event.ts';
import type { GenerationWatch } from '../pipeline/generation-watch.ts';
import { handle } from '../pipeline/handle.ts';
import type { Context, Ports } from '../pipeline/ports.ts';
import { AppError, isAppError } from '../platform/errors.ts';
import { every } from '../platform/every.ts';
import type { Log } from '../platform/log.ts';
import { uuidV7 } from '../platform/uuid-v7.ts';
import type { ProcessorHooks } from './processor-hooks.ts';
import { createTurns } from './turns.ts';

export interface MessageHandlerDeps {
  readonly ports: Ports;
  readonly generation: Pick<GenerationWatch, 'wanted'>;
  readonly indexId: string;
  readonly host: string;
  readonly leaseMs: number;
  readonly log: Log;
  readonly hooks: ProcessorHooks;
}

/** Shorter than ack_wait by far, longer than most renders: what was looked at and still finds no slot is handed back. */
const SLOT_WAIT_MS = 10_000;

type Handler = (message: IncomingMessage, signal: AbortSignal) => Promise<Verdict>;

/** `tier`: of a planned lane. */
export function createMessageHandler(
  deps: MessageHandlerDeps,
): (lane: Lane | 'removals', tier: string | null) => Handler {
  const { ports, generation, indexId, host, leaseMs, hooks } = deps;
  const turns = createTurns();
  return (lane, tier) => async (message, signal) => {
    const wanted = generation.wanted();
    if (wanted === null) return retry(2_000, 'CONFIG_OUTDATED');
    try {
      const { ref, removeUncovered = false } =
        lane === 'live' || lane === 'removals' ? eventOf(message, wanted.store) : itemOf(message);
      const messageId = `${message.stream}:${message.streamSeq}`;
      const log = deps.log.child({ ...ref, stream: message.stream, streamSeq: message.streamSeq });
      const startedMs = performance.now();
      const phasesMs: Record<string, number> = {};
      const ctx: Context = {
        wanted,
        indexId,
        host,
        lane,
        removeUncovered,
        laneTier: tier,
        messageId,
        deliveryCount: message.deliveryCount,
        leaseMs,
        slotWaitMs: SLOT_WAIT_MS,
        signal,
        log,
        now: Date.now,
        random: Math.random,
        newSetId: uuidV7,
        every,
        reached: (step) => {
          phasesMs[step] = Math.round(performance.now() - startedMs);
          return hooks.reached?.(step, message);
        },
      };
      const verdict = await turns.take(refHash(ref), () => handle(ref, ports, ctx));
      log.debug({ verdict, deliveryCount: message.deliveryCount, phasesMs }, 'message handled');
      return verdict;
    } catch (error) {
      // What can never be handled is kept where an operator finds it; everything else is the pull loop's to put back.
      if (!isAppError(error) || error.disposition !== 'refuse') throw error;
      return { kind: 'dead-letter', code: error.code, message: error.message };
    }
  };
}

type Work = Pick<WorkItem, 'ref' | 'removeUncovered'>;

function eventOf({ data }: IncomingMessage, store: string): Work {
  const { bucket, key } = decodeObjectEvent(data);
  return { ref: { store, bucket, key } };
}

function itemOf({ data }: IncomingMessage): Work {
  try {
    return decodeWorkItem(data);
  } catch (cause) {
    throw new AppError('NOT_A_WORK_ITEM', 'the message is no work item', { disposition: 'refuse', cause });
  }
}
