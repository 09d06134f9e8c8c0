// Deletes acked events: hourly, and when the stream is half full. An event that any consumer still has to handle is never deleted.
import { setTimeout as delay } from 'node:timers/promises';
import { AckPolicy, type ConsumerInfo } from '@nats-io/jetstream';
import { CONSUMERS, STREAMS } from '../model/subjects.ts';
import { AppError } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import type { Nats } from './connect.ts';
import { createBell } from './deadline.ts';
import { natsError } from './errors.ts';

export interface PurgeReport {
  readonly purged: number;
  /** Everything up to here is handled by everybody. */
  readonly floor: number;
  /** Of the stream before the purge. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Something was or may have been lost that no consumer will ever see: a sweep is owed. */
export type PurgeAlarm =
  /** Unhandled events grew too old, were deleted by somebody, or the stream was made anew. */
  | 'EVENTS_LOST'
  /** No room: MinIO's live copies are refused, its journal holds what it can. */
  | 'EVENTS_FULL';

export interface PurgeOptions {
  readonly everyMs?: number;
  /** Until the first purge; `everyMs` where absent: a restart must not cost what replay and explain can still see. */
  readonly firstMs?: number;
  /** How often the size is looked at. */
  readonly lookEveryMs?: number;
  readonly settleMs?: number;
  readonly onAlarm?: (alarm: PurgeAlarm) => Promise<void> | void;
}

export interface Purge extends AsyncDisposable {
  stop(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const LOOK_EVERY_MS = 30_000;
// A consumer learns of a stored message a moment later, on three replicas perhaps a longer one: until then it calls itself idle.
const SETTLE_MS = 2_000;
const FULL_SHARE = 0.97;

/**
 * One purge, safe to run from several processes at once. Rejects with `CONSUMER_MISSING` where one of ours is gone (made anew it would
 * want everything again), else with a retry error; nothing is purged then.
 */
export async function purgeAcked(nats: Nats, { settleMs = SETTLE_MS }: PurgeOptions = {}): Promise<PurgeReport> {
  try {
    const { first_seq: firstSeq, last_seq: lastSeq } = (await nats.manager.streams.info(STREAMS.events)).state;
    await delay(settleMs);
    const floor = Math.min(...(await waitingConsumers(nats)).map((info) => floorOf(info, lastSeq)));
    // Up to but not including `seq`.
    const { purged } =
      floor < firstSeq ? { purged: 0 } : await nats.manager.streams.purge(STREAMS.events, { seq: floor + 1 });
    return { purged, floor, firstSeq, lastSeq };
  } catch (error) {
    throw natsError(error, `purging ${STREAMS.events}`);
  }
}

/** Purges until stopped. Trouble is logged and the next round tries again; an alarm is raised once, and again after it was over. */
export function startPurge(nats: Nats, options: PurgeOptions, log: Log): Purge {
  const { everyMs = HOUR_MS, firstMs = everyMs, lookEveryMs = LOOK_EVERY_MS, onAlarm } = options;
  const stopping = new AbortController();
  const bell = createBell();
  const raised = new Set<PurgeAlarm>();
  let dueMs = performance.now() + firstMs;
  let madeBefore: string | undefined;

  async function look(): Promise<void> {
    const { state, config, created } = await nats.manager.streams.info(STREAMS.events);
    const consumers = await waitingConsumers(nats);
    const isNew = madeBefore !== undefined && madeBefore !== created;
    madeBefore = created;
    // A purge raises the floors of all consumers to its end, a message that grows too old does not (measured).
    await raise('EVENTS_LOST', isNew || consumers.some(({ ack_floor }) => ack_floor.stream_seq + 1 < state.first_seq));
    await raise('EVENTS_FULL', state.bytes >= config.max_bytes * FULL_SHARE);
    if (performance.now() < dueMs && state.bytes < config.max_bytes / 2) return;
    const report = await purgeAcked(nats, options);
    dueMs = performance.now() + everyMs;
    log[report.purged > 0 ? 'info' : 'debug'](report, 'events purged');
  }

  async function raise(alarm: PurgeAlarm, is: boolean): Promise<void> {
    if (!is) raised.delete(alarm);
    else if (!raised.has(alarm)) {
      log.error({ code: alarm }, 'events lost or refused: a sweep is owed');
      await onAlarm?.(alarm);
      raised.add(alarm);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await look();
      } catch (error) {
        log.warn({ code: natsError(error, 'purging').code, err: error }, 'events not purged');
      }
      await bell.wait(lookEveryMs);
    }
  }

  const running = run();
  const stop = async () => {
    stopping.abort();
    bell.ring();
    await running;
  };
  return { stop, [Symbol.asyncDispose]: stop };
}

/** Ours, which must be there, and everybody else's durable consumers that ack. */
async function waitingConsumers({ manager }: Nats): Promise<readonly ConsumerInfo[]> {
  const infos = await Array.fromAsync(manager.consumers.list(STREAMS.events));
  for (const name of Object.values(CONSUMERS)) {
    if (!infos.some((info) => info.name === name)) {
      throw new AppError('CONSUMER_MISSING', `stream ${STREAMS.events} has no consumer ${name}`, {
        remedy: 'Run millrace provision.',
      });
    }
  }
  return infos.filter(({ config }) => config.durable_name !== undefined && config.ack_policy !== AckPolicy.None);
}

/**
 * The ack floor of an idle consumer stands still while others go on (measured: 200 creates acked, the floor of `removals` still 1). With
 * nothing to deliver and nothing un-acked it is done with everything that stood in the stream before it was asked.
 */
function floorOf({ num_pending, num_ack_pending, ack_floor }: ConsumerInfo, lastSeqBefore: number): number {
  const isIdle = num_pending === 0 && num_ack_pending === 0;
  return isIdle ? Math.max(ack_floor.stream_seq, lastSeqBefore) : ack_floor.stream_seq;
}
