// The whole path on servers of its own for one benchmark: MinIO, NATS, PostgreSQL, a keeper and processors, each a process.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client as S3 } from 'minio';
import { Pool } from 'pg';
import type { z } from 'zod';
import { type Child, startChild } from '../../workers/local/child.ts';
import { childEnv } from '../../workers/local/child-env.ts';
import { startServer } from '../../workers/local/server.ts';
import { type Configuration, configurationFrom, type configurationSchema } from '../../workers/model/configuration.ts';
import { CONSUMERS, STREAMS } from '../../workers/model/subjects.ts';
import { connectNats } from '../../workers/nats/connect.ts';
import { watchOutcomes } from '../../workers/nats/outcome-watch.ts';
import { createLog } from '../../workers/platform/log.ts';
import { provisionBuckets, provisionIndexAndStreams } from '../../workers/roles/provision.ts';
import { eventually } from '../harness/eventually.ts';
import { killAtExit } from '../harness/leaks.ts';
import { startTestServers } from '../harness/servers.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'workers', 'main.ts');
const BUCKET = 'photos';
const LONG = { timeoutMs: 600_000, intervalMs: 20 };
const HOUR_MS = 3_600_000;

type Values = z.input<typeof configurationSchema>;

export interface WorldOptions {
  /** Of each processor. */
  readonly renderers: number;
  /** In place of `main.ts processor`: a program, which gets the configuration's file as its first argument, and its further arguments. */
  readonly processorEntry?: readonly [program: string, ...rest: string[]];
}

export interface Told {
  /** On the clock of performance.now(), when the outcome arrived here. */
  readonly atMs: number;
  readonly state: string;
}

export type World = Awaited<ReturnType<typeof startWorld>>;

export async function startWorld({ renderers, processorEntry }: WorldOptions) {
  await using opened = new AsyncDisposableStack();
  const servers = opened.use(await startTestServers({ minio: true, nats: true, postgres: true }));
  const { minio, nats: natsServer, postgres, folder } = servers;
  const values: Values = {
    store: { endpoint: minio.endpoint, accessKey: minio.accessKey, secretKey: minio.secretKey, region: minio.region },
    nats: { url: natsServer.url },
    database: { url: postgres.url },
    host: 'bench-host',
    volumes: [{ path: join(folder, 'volume'), tier: 'standard' }],
    sources: [{ bucket: BUCKET, tier: 'standard' }],
    processor: { renderers },
    log: { level: 'warn' },
  };
  const configuration: Configuration = configurationFrom(values);
  const configurationFile = join(folder, 'configuration.yaml'); // JSON is YAML
  writeFileSync(configurationFile, JSON.stringify(values), { mode: 0o600 });

  const log = createLog({ role: 'bench', level: 'warn' });
  const { signal } = new AbortController();
  await provisionIndexAndStreams(configuration, { log, signal });
  const nats = await connectNats({ url: natsServer.url, name: 'bench' }, log);
  opened.defer(() => nats.close(500));
  await provisionBuckets(configuration, { log, signal });

  const database = new Pool({ connectionString: postgres.url, max: 1 });
  opened.defer(() => database.end());
  const { hostname, port } = new URL(minio.endpoint);
  const { accessKey, secretKey, region } = minio;
  const s3 = new S3({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey, region });

  const told = new Map<string, Told>();
  const waiting = new Map<string, (one: Told) => void>();
  opened.use(
    await watchOutcomes(nats, ({ ref: { key }, state }) => {
      const one = { atMs: performance.now(), state };
      if (told.has(key)) return; // the first tells when it was done
      told.set(key, one);
      waiting.get(key)?.(one);
    }),
  );

  const changes = () => nats.manager.consumers.info(STREAMS.events, CONSUMERS.changes);

  const processes: Child[] = [];
  // Processors before the keeper, the last one first: each finishes what it has.
  opened.defer(() => stopAll(processes));
  async function startProcess(name: string, args: readonly string[]): Promise<Child> {
    const start = () =>
      startChild({
        name,
        command: process.execPath,
        args,
        env: childEnv({ NODE_COMPILE_CACHE: join(folder, 'compile-cache') }),
        folder,
        isReady: () => true,
        stopTimeoutMs: 30_000,
      });
    const child = await startServer(start, {});
    killAtExit(child);
    processes.push(child);
    return child;
  }
  mkdirSync(join(folder, 'compile-cache'));
  const keeper = await startProcess('keeper', [MAIN, 'keeper', '--config', configurationFile]);

  let puts = 0;
  const world = {
    servers,
    configuration,
    folder,
    nats,
    s3,
    keeper,
    startProcessor: (number: number): Promise<Child> =>
      startProcess(
        `processor-${number}`,
        processorEntry === undefined
          ? [MAIN, 'processor', '--config', configurationFile]
          : [processorEntry[0], configurationFile, ...processorEntry.slice(1)],
      ),

    async sql<T>(text: string): Promise<T[]> {
      return (await database.query(text)).rows as T[];
    },
    /** Renders begun so far. */
    async attempts(): Promise<number> {
      const [row] = await world.sql<{ n: number }>('SELECT count(*)::int AS n FROM millrace.attempts');
      return row?.n ?? 0;
    },
    async put(key: string, bytes: Buffer, contentType: string): Promise<void> {
      puts += 1;
      await s3.putObject(BUCKET, key, bytes, bytes.length, { 'Content-Type': contentType });
    },

    /** Resolves when the outcome of each is told; with the time of the last one. Rejects where one is not `committed`. */
    async allCommitted(keys: readonly string[]): Promise<number> {
      let lastMs = 0;
      for (const key of keys) {
        const { atMs, state } = told.get(key) ?? (await nextOutcome(key));
        if (state !== 'committed') throw new Error(`${key} is ${state}, not committed`);
        lastMs = Math.max(lastMs, atMs);
      }
      return lastMs;
    },

    pause: () => nats.manager.consumers.pause(STREAMS.events, CONSUMERS.changes, new Date(Date.now() + HOUR_MS)),
    /**
     * Resolves with the last moment at which nothing was delivered yet. The server serves a pull that waited through the pause only
     * at its next heartbeat, up to a second later (measured): time that no processor ever loses where nobody pauses anything.
     */
    async resume(): Promise<number> {
      let idleAtMs = performance.now();
      await nats.manager.consumers.resume(STREAMS.events, CONSUMERS.changes);
      for (;;) {
        const askedMs = performance.now();
        const { num_ack_pending, num_pending } = await changes();
        if (num_ack_pending > 0 || num_pending === 0) return idleAtMs;
        idleAtMs = askedMs;
      }
    } /** Both copies of everything that was put are in the stream: the journal's come up to three seconds later. */,
    async twinsArrived(): Promise<void> {
      const haveAll = async () => (await nats.manager.streams.info(STREAMS.events)).state.last_seq >= 2 * puts;
      await eventually(haveAll, { ...LONG, what: 'the journal' });
    },
    /** So many pulls wait for changes: one of each processor that has room. */
    async pulling(processors: number): Promise<void> {
      await eventually(async () => (await changes()).num_waiting >= processors, {
        ...LONG,
        what: 'processors to pull',
      });
    },
    /** Nothing waits, nothing is un-acked. */
    async quiet(): Promise<void> {
      const isQuiet = async () => {
        const { num_pending, num_ack_pending } = await changes();
        return num_pending + num_ack_pending === 0;
      };
      await eventually(isQuiet, { ...LONG, what: 'the consumer to be quiet' });
    },
    stop: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  const owned = opened.move();
  return world;

  function nextOutcome(key: string): Promise<Told> {
    const { promise, resolve } = Promise.withResolvers<Told>();
    waiting.set(key, resolve);
    return promise;
  }
}

async function stopAll(processes: readonly Child[]): Promise<void> {
  for (const one of processes.toReversed()) await one.stop();
}
