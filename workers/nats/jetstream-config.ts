// The streams, durable consumers and buckets of millrace, with every setting that matters and why it is so.
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from 'nats';
import {
  CONSUMERS,
  EVENT_SUBJECTS,
  EXHAUSTED_CONSUMER,
  KV_BUCKETS,
  plannedConsumer,
  plannedFilter,
  STREAMS,
} from '../model/subjects.ts';

export interface JetStreamOptions {
  /** Every tier has its own two lanes of planned work. */
  readonly tiers: readonly string[];
  /** 1, 3 or 5. */
  readonly replicas: number;
  /** What is absent keeps its default. */
  readonly maxBytes?: Partial<Readonly<Record<keyof typeof STREAMS, number>>>;
  /** Where absent: `ACK_WAIT_MS`. Fault tests cannot wait that long for a redelivery. */
  readonly ackWaitMs?: number;
}

export interface WantedStream {
  readonly name: string;
  readonly settings: Partial<StreamConfig>;
}

export interface WantedConsumer {
  readonly stream: string;
  readonly name: string;
  readonly settings: Partial<ConsumerConfig>;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** JetStream sets them aside from its `max_file_store` at once. EVENTS: about four million events. */
const DEFAULT_MAX_BYTES: Readonly<Record<keyof typeof STREAMS, number>> = {
  events: 4 * GIB,
  planned: 2 * GIB,
  deadLetters: GIB,
  advisories: 64 * MIB,
  outcomes: 4 * GIB,
};

/** Three times the `working()` of the pull loop. */
const ACK_WAIT_MS = 60_000;
/** How long an announcement of a volume counts: some rounds of its keeper may get lost. */
export const VOLUME_TTL_MS = 15_000;
/** Longer than any signature that a nonce belongs to is good for. */
const NONCE_TTL_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DUPLICATE_WINDOW_MS = 120_000;

// Must not be small: MinIO repeats a message that its stream refuses for ever, and everything behind it waits.
const ANY_SIZE = -1;

const SUBJECTS = {
  events: ['events.images.>'],
  planned: ['planned.v1.>'],
  deadLetters: ['dead.v1.>'],
  advisories: ['$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>', '$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>'],
  outcomes: ['renditions.v1.>'],
} as const satisfies Record<keyof typeof STREAMS, readonly string[]>;

export function wantedStreams({ replicas, maxBytes = {} }: JetStreamOptions): readonly WantedStream[] {
  const stream = (key: keyof typeof STREAMS, settings: Partial<StreamConfig>): WantedStream => ({
    name: STREAMS[key],
    settings: {
      subjects: [...SUBJECTS[key]],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      max_bytes: maxBytes[key] ?? DEFAULT_MAX_BYTES[key],
      max_msgs: -1,
      max_msgs_per_subject: -1,
      max_msg_size: ANY_SIZE,
      max_age: 0,
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      num_replicas: replicas,
      allow_msg_ttl: false,
      ...settings,
    },
  });
  return [
    // Limits, not interest: acked events stay for replay and `explain` until they are purged. Full: MinIO's journal holds what comes.
    stream('events', { max_age: nanos(7 * DAY_MS) }),
    // Full: whoever plans waits. Nothing here grows old: a lane that nobody serves keeps its work.
    stream('planned', { retention: RetentionPolicy.Workqueue }),
    // Full: the message that should go here stays where it is and comes again.
    stream('deadLetters', { max_age: nanos(30 * DAY_MS) }),
    // The server does not wait for an answer: refused when full, the newest would be the ones lost.
    stream('advisories', { max_age: nanos(30 * DAY_MS), discard: DiscardPolicy.Old }),
    // Nothing is acked before its outcome is told: refused when full, a log that nobody reads would stop all rendering. So the oldest
    // goes; a subscriber that far behind has the index to read.
    stream('outcomes', { max_age: nanos(7 * DAY_MS), discard: DiscardPolicy.Old }),
    bucket(KV_BUCKETS.volumes, VOLUME_TTL_MS, 16 * MIB, replicas),
    bucket(KV_BUCKETS.nonces, NONCE_TTL_MS, 256 * MIB, replicas),
  ];
}

export function wantedConsumers({ tiers, ackWaitMs = ACK_WAIT_MS }: JetStreamOptions): readonly WantedConsumer[] {
  const { created, createdJournal, removed, removedJournal } = EVENT_SUBJECTS;
  return [
    consumer(STREAMS.events, CONSUMERS.changes, ackWaitMs, { filter_subjects: [created, createdJournal] }),
    consumer(STREAMS.events, CONSUMERS.removals, ackWaitMs, { filter_subjects: [removed, removedJournal] }),
    ...tiers.flatMap((tier) =>
      (['urgent', 'bulk'] as const).map((lane) =>
        consumer(STREAMS.planned, plannedConsumer(tier, lane), ackWaitMs, {
          filter_subject: plannedFilter(tier, lane),
        }),
      ),
    ),
    // What was terminated by us has its dead letter already.
    consumer(STREAMS.advisories, EXHAUSTED_CONSUMER, ackWaitMs, {
      filter_subject: '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>',
    }),
  ];
}

/** The stream behind a bucket, as the client library makes it: one value per key, gone after its time. */
function bucket(name: string, ttlMs: number, maxBytes: number, replicas: number): WantedStream {
  return {
    name: bucketStream(name),
    settings: {
      subjects: [`$KV.${name}.>`],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      max_bytes: maxBytes,
      max_msgs_per_subject: 1,
      max_age: nanos(ttlMs),
      num_replicas: replicas,
      allow_direct: true,
      allow_rollup_hdrs: true,
    },
  };
}

function bucketStream(name: string): string {
  return `KV_${name}`;
}

function consumer(stream: string, name: string, ackWaitMs: number, filter: Partial<ConsumerConfig>): WantedConsumer {
  return {
    stream,
    name,
    settings: {
      ...filter,
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      replay_policy: ReplayPolicy.Instant,
      ack_wait: nanos(ackWaitMs),
      // Only a backstop: the pull loop writes a dead letter ten deliveries earlier.
      max_deliver: 100,
      // Of all processors together, never a function of one.
      max_ack_pending: 4_096,
      max_waiting: 512,
      // Either this or nak(delay): together they add up (measured).
      backoff: [],
      headers_only: false,
    },
  };
}
