// A provisioned nats-server for the tests of this room, with connections that end with it.
import { setTimeout as delay } from 'node:timers/promises';
import { connectNats, type Nats } from '../../../workers/nats/connect.ts';
import { createDeadLetters } from '../../../workers/nats/dead-letters.ts';
import type { JetStreamOptions } from '../../../workers/nats/jetstream-config.ts';
import { provisionJetStream } from '../../../workers/nats/provision.ts';
import { type PullLoop, type PullLoopOptions, startPullLoop } from '../../../workers/nats/pull-loop.ts';
import { CONSUMERS, EVENT_SUBJECTS, STREAMS } from '../../../workers/model/subjects.ts';
import { createLog, type Log } from '../../../workers/platform/log.ts';
import { startTestServers, type TestServers } from '../../harness/servers.ts';

export const OPTIONS: JetStreamOptions = { tiers: ['default'], replicas: 1 };

export interface Room extends AsyncDisposable {
  readonly server: TestServers<{ nats: true }>['nats'];
  /** One connection that every helper below uses. */
  readonly nats: Nats;
  readonly lines: readonly LogLine[];
  readonly log: Log;
  connect(name?: string): Promise<Nats>;
  /** Into EVENTS, as MinIO would. Gives the sequences. */
  publish(count: number, subject?: string): Promise<number[]>;
  /** A loop on `changes` unless told otherwise; stopped when the room is. */
  loop(options: Partial<PullLoopOptions> & Pick<PullLoopOptions, 'handler'>, nats?: Nats): PullLoop;
  ackPending(consumer?: string): Promise<number>;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly code?: string;
}

export async function startRoom(options: JetStreamOptions = OPTIONS): Promise<Room> {
  await using opened = new AsyncDisposableStack();
  let owned = opened;
  const servers = owned.use(await startTestServers({ nats: true }));
  const lines: LogLine[] = [];
  const log = createLog({
    role: 'test',
    level: 'debug',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  // The server may be down when a test ends: no draining, and loops do not wait.
  const connect = async (name = 'test') => {
    const made = await connectNats({ url: servers.nats.url, name }, log);
    owned.defer(() => made.close(100));
    return made;
  };
  const nats = await connect();
  await provisionJetStream(nats, options);
  owned = opened.move();
  return {
    server: servers.nats,
    nats,
    lines,
    log,
    connect,
    async publish(count, subject = EVENT_SUBJECTS.created) {
      const acks = await Promise.all(Array.from({ length: count }, (_, n) => nats.js.publish(subject, `message ${n}`)));
      return acks.map(({ seq }) => seq);
    },
    loop(given, over = nats) {
      const loop = startPullLoop(over, {
        stream: STREAMS.events,
        consumer: CONSUMERS.changes,
        maxInFlight: 16,
        deadLetters: createDeadLetters(over, { host: 'test-host' }),
        log,
        ...given,
      });
      owned.defer(async () => void (await loop.stop(0)));
      return loop;
    },
    async ackPending(consumer = CONSUMERS.changes) {
      return (await nats.manager.consumers.info(STREAMS.events, consumer)).num_ack_pending;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Only where nothing must happen: there is no event to wait for. */
export function nothingHappensFor(ms: number): Promise<void> {
  return delay(ms);
}
