// The connection to NATS: waits for its server, outlives its restarts, and says as data how it is.
import { setTimeout as delay } from 'node:timers/promises';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, type NatsConnection, type Status } from 'nats';
import { token } from '../model/subjects.ts';
import { AppError, chainOf } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import { backoffMs } from '../platform/retry.ts';
import { endsWithin } from './deadline.ts';
import { natsError } from './errors.ts';

export interface NatsOptions {
  /** `nats://host:port` or `tls://…`, several separated by commas; user and password may stand in it. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Shown by the server's monitor. Replies come to `_INBOX_<name>.>` and nowhere else, so that rights can be given for it. */
  readonly name: string;
}

export type NatsState = 'connected' | 'reconnecting' | 'closed';

export interface Nats extends AsyncDisposable {
  readonly connection: NatsConnection;
  /** Below it replies may be received, and nowhere else. */
  readonly inboxPrefix: string;
  readonly js: JetStreamClient;
  /** The same, less patient: for questions that are asked again. A request that was under way when the server died is answered by nobody. */
  readonly hastyJs: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly state: NatsState;
  /** Null once we closed it ourselves; an error (`NATS_CLOSED`, fatal) when the client gave up for good: the process must end. */
  readonly closed: Promise<AppError | null>;
  /** Called after every reconnect, until disposed. */
  onReconnect(listener: () => void): Disposable;
  /** Sends what is buffered and closes; after the deadline (5 s) it closes without. The last thing to do: acks sent later are lost in silence. */
  close(deadlineMs?: number): Promise<void>;
}

// Measured: a default client notices a server that swallows packets after four minutes, this one after 30 s at most.
const PING_MS = 10_000;
const REQUEST_TIMEOUT_MS = 5_000;
const HASTY_TIMEOUT_MS = 1_500;
const CLOSE_DEADLINE_MS = 5_000;
const FIRST_CONNECT = { baseMs: 250, maxMs: 2_000 };
const SAY_AGAIN_MS = 30_000;

/**
 * Resolves when connected, however long the server takes to come up (the wait is logged, and again every 30 s); rejects only
 * when `signal` fires. Once connected it reconnects for ever, also after refused credentials: they may be in rotation.
 */
export async function connectNats(options: NatsOptions, log: Log, signal?: AbortSignal): Promise<Nats> {
  const connection = await firstConnection(connectionOptions(options), log, signal);
  const js = jetstream(connection, { timeout: REQUEST_TIMEOUT_MS });
  const manager = await jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS, checkAPI: false });

  let state: NatsState = 'connected';
  let closing: Promise<void> | undefined;
  const listeners = new Set<() => void>();
  const watching = watchStatus(connection, (status) => {
    if (status.type === 'disconnect') state = 'reconnecting';
    if (status.type === 'reconnect') {
      state = 'connected';
      for (const listener of listeners) listener();
    }
    logStatus(status, log);
  });
  const closed = connection.closed().then((error) => {
    state = 'closed';
    if (closing !== undefined) return null;
    return new AppError('NATS_CLOSED', 'the NATS client gave up', { disposition: 'fatal', cause: error ?? undefined });
  });

  const close = async (deadlineMs = CLOSE_DEADLINE_MS): Promise<void> => {
    closing ??= drainThenClose(connection, deadlineMs, log);
    await closing;
    await watching;
  };
  return {
    connection,
    inboxPrefix: inboxPrefixOf(options.name),
    js,
    hastyJs: jetstream(connection, { timeout: HASTY_TIMEOUT_MS }),
    manager,
    get state() {
      return state;
    },
    closed,
    onReconnect(listener) {
      const own = () => listener();
      listeners.add(own);
      return { [Symbol.dispose]: () => void listeners.delete(own) };
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function connectionOptions({ url, name, ...given }: NatsOptions): ConnectionOptions {
  const servers = url.split(',').map((part) => new URL(part.includes('://') ? part : `nats://${part}`));
  // The client ignores what stands before the @ of a URL.
  const user = given.user ?? decodeURIComponent(servers[0]?.username ?? '');
  const pass = given.password ?? decodeURIComponent(servers[0]?.password ?? '');
  return {
    servers: servers.map(({ hostname, port }) => `${hostname}:${port === '' ? 4222 : port}`),
    ...(servers.some(({ protocol }) => protocol === 'tls:') ? { tls: {} } : {}),
    ...(given.token === undefined ? {} : { token: given.token }),
    ...(user === '' ? {} : { user, pass }),
    name,
    inboxPrefix: inboxPrefixOf(name),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 500,
    // Without it a second refused login closes the client for good, whatever maxReconnectAttempts says (measured).
    ignoreAuthErrorAbort: true,
    // The client makes two errors for every request, in case it fails, only for their stacks: 0.3 of 5 ms of our CPU for an image (measured).
    noAsyncTraces: true,
    pingInterval: PING_MS,
    maxPingOut: 2,
    timeout: REQUEST_TIMEOUT_MS,
  };
}

function inboxPrefixOf(name: string): string {
  return `_INBOX_${token(name)}`;
}

/** The client's own waitOnFirstConnect would wait without a word, and not stop for a signal. */
async function firstConnection(options: ConnectionOptions, log: Log, signal?: AbortSignal): Promise<NatsConnection> {
  const startedMs = performance.now();
  let saidMs = Number.NEGATIVE_INFINITY;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      const connection = await connect(options);
      const waitedMs = Math.round(performance.now() - startedMs);
      log.info({ server: connection.getServer(), waitedMs }, 'connected to NATS');
      return connection;
    } catch (error) {
      const { code } = natsError(error, 'connecting to NATS');
      if (performance.now() - saidMs >= SAY_AGAIN_MS) {
        log.warn({ servers: options.servers, code, reason: chainOf(error) }, 'waiting for NATS');
        saidMs = performance.now();
      }
    }
    await delay(
      backoffMs(Math.min(attempt, 10), FIRST_CONNECT, Math.random),
      undefined,
      signal === undefined ? {} : { signal },
    );
  }
}

async function watchStatus(connection: NatsConnection, seen: (status: Status) => void): Promise<void> {
  for await (const status of connection.status()) seen(status);
}

function logStatus(status: Status, log: Log): void {
  switch (status.type) {
    case 'disconnect':
      return log.warn({ server: status.server }, 'NATS disconnected');
    case 'reconnect':
      return log.info({ server: status.server }, 'NATS reconnected');
    case 'error':
      return log.warn({ err: status.error }, 'NATS reported an error');
    case 'staleConnection':
      return log.warn({}, 'NATS does not answer');
    case 'ldm':
      return log.warn({ server: status.server }, 'NATS server is about to stop');
    case 'slowConsumer':
      return log.warn({ pending: status.pending }, 'NATS subscription is slow');
    case 'close':
    case 'forceReconnect':
    case 'ping':
    case 'reconnecting':
    case 'update':
      return log.debug({ status: status.type }, 'NATS connection status');
  }
}

async function drainThenClose(connection: NatsConnection, deadlineMs: number, log: Log): Promise<void> {
  if (connection.isClosed()) return;
  const drained = connection.drain();
  drained.catch((error: unknown) => log.warn({ err: error }, 'draining NATS failed'));
  if (!(await endsWithin(drained, deadlineMs))) log.warn({ deadlineMs }, 'NATS was closed without being drained');
  await connection.close();
}
