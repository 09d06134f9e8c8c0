// Makes JetStream what millrace needs, and says what that changed; roles only look whether it was done.
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { AppError } from '../platform/errors.ts';
import type { Nats } from './connect.ts';
import { type Drift, describe, driftError, driftOf } from './drift.ts';
import { isMissing, natsError } from './errors.ts';
import {
  type JetStreamOptions,
  type WantedConsumer,
  type WantedStream,
  wantedConsumers,
  wantedStreams,
} from './jetstream-config.ts';

/** One thing to do to a stream or consumer. */
interface Step {
  /** `stream EVENTS`, `consumer changes`. */
  readonly subject: string;
  readonly isMissing: boolean;
  readonly drifts: readonly Drift[];
  /** Settings that JetStream never changes in place. */
  readonly fixed: ReadonlySet<string>;
  readonly remedy: string;
  apply(): Promise<unknown>;
}

const FIXED_OF_STREAM = new Set(['retention', 'storage']);
const FIXED_OF_CONSUMER = new Set(['deliver_policy', 'ack_policy', 'replay_policy', 'max_waiting']);

/** Where these differ a role would lose messages or handle the wrong ones; where others do, it works and somebody may have meant it. */
const VITAL = new Set(
  'subjects retention ack_policy deliver_policy ack_wait max_deliver backoff headers_only filter_subject filter_subjects max_msgs_per_subject'.split(
    ' ',
  ),
);

/**
 * Idempotent. Resolves with what was changed: `stream EVENTS: created`, `consumer changes: max_ack_pending 1000 → 4096`. Nothing is
 * deleted. Before anything is changed it rejects with `JETSTREAM_DRIFT` where JetStream cannot change what differs.
 */
export async function provisionJetStream(nats: Nats, options: JetStreamOptions): Promise<readonly string[]> {
  assertServer(nats);
  const steps = await stepsTo(nats, options);
  for (const step of steps) assertChangeable(step);
  const changes: string[] = [];
  for (const step of steps) {
    await applied(step);
    changes.push(`${step.subject}: ${step.isMissing ? 'created' : step.drifts.map(describe).join(', ')}`);
  }
  return changes;
}

/**
 * Changes nothing. Rejects with `NOT_PROVISIONED` where something is missing or differs in a way that would do harm; resolves with
 * the harmless differences, for the log.
 */
export async function verifyJetStream(nats: Nats, options: JetStreamOptions): Promise<readonly string[]> {
  assertServer(nats);
  const steps = await stepsTo(nats, options);
  const faults = steps.flatMap(({ subject, isMissing, drifts }) => {
    if (isMissing) return [`${subject} is missing`];
    const vital = drifts.filter(({ setting }) => VITAL.has(setting));
    return vital.length === 0 ? [] : [`${subject}: ${vital.map(describe).join(', ')}`];
  });
  if (faults.length > 0) {
    throw new AppError('NOT_PROVISIONED', `JetStream is not as millrace needs it: ${faults.join('; ')}`, {
      disposition: 'fatal',
      remedy: 'Run millrace provision.',
      details: { faults },
    });
  }
  return steps.map(({ subject, drifts }) => `${subject}: ${drifts.map(describe).join(', ')}`);
}

/** Streams before their consumers; only what has to change. */
async function stepsTo(nats: Nats, options: JetStreamOptions): Promise<readonly Step[]> {
  const streams = await Promise.all(wantedStreams(options).map((wanted) => streamStep(nats, wanted)));
  const consumers = await Promise.all(wantedConsumers(options).map((wanted) => consumerStep(nats, wanted)));
  return [...streams, ...consumers].filter(({ isMissing, drifts }) => isMissing || drifts.length > 0);
}

async function streamStep({ manager }: Nats, { name, settings }: WantedStream): Promise<Step> {
  const found = await ifThere<StreamInfo>(() => manager.streams.info(name), `reading stream ${name}`);
  const subject = `stream ${name}`;
  return {
    subject,
    isMissing: found === null,
    drifts: found === null ? [] : driftOf(settings, found.config),
    fixed: FIXED_OF_STREAM,
    remedy: `Delete stream ${name} with everything in it and run millrace provision again; millrace sweep rebuilds the work.`,
    apply: () => (found === null ? manager.streams.add({ ...settings, name }) : manager.streams.update(name, settings)),
  };
}

async function consumerStep({ manager }: Nats, { stream, name, settings }: WantedConsumer): Promise<Step> {
  const found = await ifThere<ConsumerInfo>(() => manager.consumers.info(stream, name), `reading consumer ${name}`);
  return {
    subject: `consumer ${name}`,
    isMissing: found === null,
    drifts: found === null ? [] : driftOf(settings, found.config),
    fixed: FIXED_OF_CONSUMER,
    remedy: `Delete consumer ${name} of stream ${stream} and run millrace provision again; it replays the stream, which does no harm.`,
    apply: () =>
      found === null ? manager.consumers.add(stream, settings) : manager.consumers.update(stream, name, settings),
  };
}

async function ifThere<T>(read: () => Promise<T>, doing: string): Promise<T | null> {
  try {
    return await read();
  } catch (cause) {
    const error = natsError(cause, doing);
    if (isMissing(error)) return null;
    throw error;
  }
}

function assertChangeable({ subject, drifts, fixed, remedy }: Step): void {
  const impossible = drifts.filter(({ setting }) => fixed.has(setting));
  if (impossible.length > 0) throw driftError(subject, impossible, remedy);
}

async function applied(step: Step): Promise<void> {
  try {
    await step.apply();
  } catch (cause) {
    const error = natsError(cause, `provisioning ${step.subject}`);
    // Refused by JetStream itself, as opposed to not answered.
    if (error.code.startsWith('JETSTREAM_')) {
      if (!step.isMissing) throw driftError(step.subject, step.drifts, step.remedy, cause);
      throw new AppError('JETSTREAM_REFUSED', `${step.subject} cannot be created`, {
        disposition: 'fatal',
        cause,
        remedy:
          'Give JetStream more room (max_file_store), or remove the stream that has the same subjects; the cause says which.',
      });
    }
    throw error;
  }
}

/** Eight security faults of 2026 are fixed from here on; before 2.15.0 a refused consumer create could destroy its state (nats-server#8491). */
const OLDEST_SERVER = [2, 15] as const;

function assertServer({ connection }: Nats): void {
  const { info } = connection;
  if (info === undefined) throw new AppError('NATS_UNREACHABLE', 'not connected');
  const [major = 0, minor = 0] = info.version.split('.').map(Number);
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    throw new AppError('NATS_TOO_OLD', `nats-server is ${info.version}, wanted ${OLDEST_SERVER.join('.')} or newer`, {
      disposition: 'fatal',
      remedy: 'Update nats-server.',
    });
  }
  if (info.jetstream !== true) {
    throw new AppError('JETSTREAM_OFF', 'nats-server runs without JetStream', {
      disposition: 'fatal',
      remedy: 'Start nats-server with a `jetstream` block in its configuration.',
    });
  }
}
