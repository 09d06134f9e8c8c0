// The whole path on real servers: MinIO, NATS, PostgreSQL, a keeper, and processors as child processes that stop where they are told to.
import assert from 'node:assert/strict';
import { globSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client as S3 } from 'minio';
import { Pool } from 'pg';
import type { z } from 'zod';
import {
  type Configuration,
  configurationFrom,
  type configurationSchema,
  wantedOf,
} from '../../workers/model/configuration.ts';
import { STREAMS } from '../../workers/model/subjects.ts';
import { connectNats, type Nats } from '../../workers/nats/connect.ts';
import { provisionJetStream } from '../../workers/nats/provision.ts';
import { createLog, type Log } from '../../workers/platform/log.ts';
import { jetStreamOptions } from '../../workers/roles/connections.ts';
import { type Keeper, keeperConfigOf, openKeeper } from '../../workers/roles/keeper.ts';
import { provisionBuckets, provisionIndexAndStreams } from '../../workers/roles/provision.ts';
import { processIdentity } from '../../workers/local/process-identity.ts';
import { eventually, type EventuallyOptions } from '../harness/eventually.ts';
import { assertExactState, type Expectation, type World as ExactWorld } from '../harness/exact-state.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../harness/servers.ts';
import { createCrew } from './crew.ts';
import { type Ending, type Fault, type FaultFiles, faultFiles, type Fired } from './fault.ts';
import { createOutcomeLedger } from './outcome-ledger.ts';
import type { Picture } from './pictures.ts';

export const TIER = 'standard';
/** Of processors; the keeper counts graces and leases by the database's clock. */
export const LEASE_MS = 1_500;
export const ACK_WAIT_MS = 2_000;
const LONG = { timeoutMs: 60_000, intervalMs: 100 };

type Values = z.input<typeof configurationSchema>;

export interface WorldOptions {
  readonly faults?: readonly Fault[];
  /** On top of what the tests need. */
  readonly configuration?: (own: ReturnType<typeof ownValues>) => Values;
  /** False: no keeper runs before `keep()`. */
  readonly keeper?: boolean;
}

export interface Row {
  readonly state: string;
  readonly etag: string;
  readonly revision: number;
  readonly set_id: string | null;
  readonly refusal_code: string | null;
  readonly damaged: boolean;
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Provisioned and kept, without a processor. */
export async function startWorld(options: WorldOptions) {
  const { faults = [], configuration: change = (own) => own, keeper = true } = options;
  await using opened = new AsyncDisposableStack();
  opened.defer(assertNoChildren);
  const servers = opened.use(await startTestServers({ minio: true, nats: true, postgres: true }));
  const log = createLog({ role: 'test', level: 'silent' });
  const signal = new AbortController().signal;

  const configuration = configurationFrom(change(ownValues(servers)));
  const { volumes } = await provisionIndexAndStreams(configuration, { log, signal });
  const nats = await connectNats({ url: servers.nats.url, name: 'test' }, log);
  opened.defer(() => nats.close(100));
  /** After each provisioning: what dies comes again within seconds. Gives what it changed. */
  const shortenAckWait = () => provisionJetStream(nats, jetStreamOptions(configuration, ACK_WAIT_MS));
  await shortenAckWait();
  await provisionBuckets(configuration, { log, signal });

  const database = new Pool({ connectionString: servers.postgres.url, max: 4 });
  database.on('error', () => undefined); // tests stop the server
  opened.defer(() => database.end());
  const s3 = storeClient(configuration);

  const files = faultFiles(join(servers.folder, 'faults'));
  files.writePlan(faults);
  const configurationFile = join(servers.folder, 'configuration.json');
  writeFileSync(configurationFile, JSON.stringify(configuration), { mode: 0o600 });
  const env = {
    FAULT_FOLDER: join(servers.folder, 'faults'),
    FAULT_CONFIGURATION: configurationFile,
    NODE_COMPILE_CACHE: join(servers.folder, 'compile-cache'),
    FAULT_ACK_WAIT_MS: String(ACK_WAIT_MS),
  };
  const keepers: Keeper[] = [];
  opened.defer(async () => void (await Promise.all(keepers.map((keeper) => keeper.stop()))));
  const crew = opened.use(createCrew({ folder: servers.folder, env }));
  opened.defer(() => endStrays(faults, files));

  const ledger = createOutcomeLedger(nats);
  const world = {
    servers,
    configuration,
    configurationFile,
    log,
    nats,
    s3,
    crew,
    files,
    shortenAckWait,
    volumes: volumes.map(({ id, tier, path }) => ({ volumeId: id, tier, path })),

    /** Starts a keeper of the volumes of these tiers, by default of all; stopped with the world at the latest. */
    async keep(tiers: readonly string[] = Object.keys(configuration.tiers)): Promise<Keeper> {
      const keeper = await startTestKeeper(configuration, tiers, log);
      keepers.push(keeper);
      return keeper;
    },

    async sql<T>(text: string, values: readonly unknown[] = []): Promise<T[]> {
      return (await database.query(text, [...values])).rows as T[];
    },
    async row(bucket: string, key: string): Promise<Row | null> {
      const [row] = await world.sql<Row>(
        `SELECT state, etag, revision::int, set_id, refusal_code, damaged FROM millrace.objects WHERE bucket = $1 AND key = $2`,
        [bucket, key],
      );
      return row ?? null;
    },

    put: async (bucket: string, key: string, { bytes, contentType }: Picture): Promise<string> =>
      (await s3.putObject(bucket, key, bytes, bytes.length, { 'Content-Type': contentType })).etag,
    /** Null: not there. */
    async etag(bucket: string, key: string): Promise<string | null> {
      try {
        return (await s3.statObject(bucket, key)).etag;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'NotFound') return null;
        throw error;
      }
    },

    /** Resolves when somebody waits at the fault. */
    async fired({ id, bucket, key }: Fault): Promise<Fired> {
      try {
        return await eventually(() => files.fired(id), { timeoutMs: 30_000, what: `fault ${id} to happen` });
      } catch (error) {
        const lines = files.journal().filter((line) => line.bucket === bucket && line.key === key);
        const steps = lines.map(({ lane, messageId, step, pid }) => `${lane} ${messageId} ${step} by ${pid}`);
        throw new Error(`what happened to ${key} instead:\n${steps.join('\n')}`, { cause: error });
      }
    },
    release(fault: Fault, ending: Ending): void {
      const fired = files.fired(fault.id);
      if (ending === 'kill' && fault.at.process === 'processor') crew.expectDeath(fired?.pid ?? 0);
      files.release(fault.id, ending);
    },
    /** A processor other than `pid` has settled the message. */
    takenOver: (messageId: string, pid: number): Promise<boolean> =>
      eventually(
        () =>
          files.journal().some((line) => line.messageId === messageId && line.step === 'settled' && line.pid !== pid),
        { ...LONG, what: `${messageId} to be settled by another than ${pid}` },
      ),
    /** Row and last told outcome agree with the store. `state`: as the row has it, or the code of its refusal. */
    async settled(bucket: string, key: string, state = 'committed', options: EventuallyOptions = {}): Promise<void> {
      const path = `${bucket}/${key}`;
      const etag = await world.etag(bucket, key); // only the test itself changes it
      await eventually(
        async () => {
          const row = await world.row(bucket, key);
          assert.equal(row?.etag ?? null, etag, `${path}: the row is of the present version, or gone with the object`);
          const told = (await ledger.read()).get(path);
          if (row === null) {
            assert.ok(
              told === undefined || told.state === 'removed',
              `${path}: its removal is told, not ${told?.state}`,
            );
          } else {
            assert.equal(row.refusal_code ?? row.state, state, `${path}: state`);
            assert.equal(told?.revision, row.revision, `${path}: its last revision is told`);
            assert.equal(told.state, row.state);
          }
          return true;
        },
        { ...LONG, ...options, what: `${path} to be settled` },
      );
    },

    /** Nothing is under way any more: no journal file at MinIO, no message waiting or un-acked, no work item. */
    async quiet(): Promise<void> {
      await eventually(
        async () => {
          assert.deepEqual(undeliveredEvents(servers.folder), [], 'MinIO has delivered its journals');
          assert.deepEqual(await busyConsumers(nats), [], 'no message waits or is un-acked');
          return true;
        },
        { ...LONG, what: 'the pipeline to be quiet' },
      );
    },
    /** Quiet, and then exactly right: rows, sets, volumes, outcomes. */
    async exact(expectation: Expectation = {}): Promise<void> {
      await world.quiet();
      await eventually(
        async () => {
          await assertExactState(world.exactWorld(), expectation);
          return true;
        },
        { ...LONG, intervalMs: 200, what: 'the final state to be exact' },
      );
      const told = await ledger.read();
      const rows = await world.sql<{ path: string; revision: number; state: string }>(
        `SELECT bucket || '/' || key AS path, revision::int, state FROM millrace.objects`,
      );
      for (const { path, revision, state } of rows) {
        assert.deepEqual([told.get(path)?.revision, told.get(path)?.state], [revision, state], `${path}: last told`);
      }
      const paths = new Set(rows.map(({ path }) => path));
      for (const [path, { state }] of told) if (!paths.has(path)) assert.equal(state, 'removed', `${path}: last told`);
    },
    exactWorld(): ExactWorld {
      return {
        s3,
        databaseUrl: servers.postgres.url,
        wanted: wantedOf(configuration, 1),
        buckets: [...new Set(configuration.sources.map(({ bucket }) => bucket))],
        volumes: world.volumes,
      };
    },
    stop: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  if (keeper) await world.keep();
  const owned = opened.move();
  return world;
}

function ownValues({ minio, nats, postgres, folder }: TestServers<{ minio: true; nats: true; postgres: true }>) {
  return {
    store: { endpoint: minio.endpoint, accessKey: minio.accessKey, secretKey: minio.secretKey, region: minio.region },
    nats: { url: nats.url },
    database: { url: postgres.url },
    host: 'test-host',
    volumes: [{ path: join(folder, 'volume'), tier: TIER }],
    sources: [{ bucket: 'photos', tier: TIER }],
    presets: { large: { longSidePx: 80 }, medium: { longSidePx: 40 }, thumb: { longSidePx: 16 } },
    // Nobody loses patience with who waits at a fault.
    limits: { renderTimeoutS: 30 },
    // One of everything: who is stopped then holds one message, and who is killed takes no other one's along.
    processor: { renderers: 1, lookSlots: 1, leaseMs: LEASE_MS, drainS: 10 },
    keeper: { graceS: 1, scrubS: 1, freeFloorMb: 0 },
    log: { level: 'debug' },
  } satisfies Values;
}

function startTestKeeper(configuration: Configuration, tiers: readonly string[], log: Log): Promise<Keeper> {
  const pace = { announceMs: 200, collectMs: 200, scrubFirstMs: 1_000 };
  const config = keeperConfigOf(configuration);
  const volumes = config.volumes.filter(({ tier }) => tiers.includes(tier));
  return openKeeper({ ...config, volumes, pace }, { log, signal: new AbortController().signal });
}

function storeClient({ store }: Configuration): S3 {
  const { hostname, port } = new URL(store.endpoint);
  const { accessKey, secretKey, region } = store;
  return new S3({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey, region });
}

/** A kill -9 of MinIO leaves empty ones, which it passes over. */
function undeliveredEvents(folder: string): string[] {
  return globSync('minio/events/**/*.event', { cwd: folder }).filter(
    (file) => (statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
}

async function busyConsumers({ manager }: Nats): Promise<string[]> {
  const busy: string[] = [];
  for (const stream of [STREAMS.events, STREAMS.planned]) {
    for await (const { name, num_pending, num_ack_pending } of manager.consumers.list(stream)) {
      if (num_pending + num_ack_pending > 0) busy.push(`${name}: ${num_pending} waiting, ${num_ack_pending} un-acked`);
    }
  }
  const { state } = await manager.streams.info(STREAMS.planned);
  if (state.messages > 0) busy.push(`${state.messages} work items`);
  return busy;
}

/** A stopped renderer whose processor died cannot know that it is not wanted any more. */
function endStrays(faults: readonly Fault[], files: FaultFiles): void {
  for (const { id, at } of faults) {
    const fired = at.process === 'renderer' ? files.fired(id) : null;
    if (fired !== null && processIdentity(fired.pid) === fired.identity) process.kill(fired.pid, 'SIGKILL');
  }
}
