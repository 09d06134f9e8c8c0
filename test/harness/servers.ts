// Real MinIO, NATS and PostgreSQL for a test file: in a temporary folder, on free ports, gone when it is over.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { cacheFolder, findBinary } from '../../workers/local/binaries.ts';
import { withLock } from '../../workers/local/file-lock.ts';
import { type MinioServer, startMinio } from '../../workers/local/minio.ts';
import { type NatsServer, startNats } from '../../workers/local/nats.ts';
import { freePort, freePorts } from '../../workers/local/ports.ts';
import { type PostgresServer, startPostgres } from '../../workers/local/postgres.ts';
import { findPostgres } from '../../workers/local/postgres-binaries.ts';
import { initialiseCluster, isCluster } from '../../workers/local/postgres-cluster.ts';
import type { Server } from '../../workers/local/server.ts';
import { isAppError } from '../../workers/platform/errors.ts';
import { assertNoChildren, killAtExit } from './leaks.ts';
import { type TempDir, tempDir } from './temp-dir.ts';

export { assertNoChildren, tempDir };

export interface TestPostgres extends PostgresServer {
  /** Makes an empty database in this server and gives its URL: one for each test, so that tests do not meet. */
  createDatabase(name?: string): Promise<string>;
}

interface AllServers {
  readonly nats: NatsServer;
  readonly minio: MinioServer;
  readonly postgres: TestPostgres;
}

export type WantedServers = { readonly [K in keyof AllServers]?: true };

export type TestServers<W extends WantedServers> = { readonly [K in keyof W & keyof AllServers]: AllServers[K] } & {
  /** The temporary folder: removed by stop(). */
  readonly folder: string;
  stop(): Promise<void>;
} & AsyncDisposable;

/**
 * Starts what is asked for. MinIO has its four NATS targets where NATS is asked for too; the streams are the test's to make, before it sets a bucket's rules.
 * The first call on a machine builds missing servers (minutes); other test files wait for it.
 */
export async function startTestServers<const W extends WantedServers>(wanted: W): Promise<TestServers<W>> {
  await using opened = new AsyncDisposableStack();
  const dir = opened.use(await tempDir());
  // Nothing need be flushed: the folders are removed next.
  const keep = <S extends Server>(server: S, lastSignal: NodeJS.Signals = 'SIGKILL'): S => {
    killAtExit(server);
    opened.defer(() => server.stop(lastSignal));
    return server;
  };
  const startStore = async () => {
    const nats = wanted.nats ? keep(await testNats(dir)) : undefined;
    return { nats, minio: wanted.minio ? keep(await testMinio(dir, nats)) : undefined };
  };
  // SIGQUIT has PostgreSQL end at once, but after its own children.
  const startIndex = async () => (wanted.postgres ? keep(await testPostgres(dir), 'SIGQUIT') : undefined);

  // Settled, not all: what was started beside a failure must be known, or it would not be stopped.
  const [store, index] = await Promise.allSettled([startStore(), startIndex()]);
  if (store.status === 'rejected') throw store.reason;
  if (index.status === 'rejected') throw index.reason;

  const owned = opened.move();
  const stop = () => owned.disposeAsync();
  const started = { ...store.value, postgres: index.value, folder: dir.path, stop, [Symbol.asyncDispose]: stop };
  return started as unknown as TestServers<W>;
}

async function testNats(dir: TempDir): Promise<NatsServer> {
  const binary = await findBinary('nats-server', { onProgress: progress });
  return onFreePort(async () => {
    const [port, monitorPort] = await freePorts(2);
    return startNats({
      binary,
      folder: dir.path,
      port: port ?? 0,
      monitorPort: monitorPort ?? 0,
      user: 'millrace',
      password: secret(),
    });
  });
}

async function testMinio(dir: TempDir, nats: NatsServer | undefined): Promise<MinioServer> {
  const binary = await findBinary('minio', { onProgress: progress });
  return onFreePort(async () =>
    startMinio({
      binary,
      folder: dir.path,
      port: await freePort(),
      accessKey: 'millrace',
      secretKey: secret(),
      ...(nats === undefined ? {} : { nats }),
    }),
  );
}

async function testPostgres(dir: TempDir): Promise<TestPostgres> {
  const programs = await findPostgres();
  // One password for all: the cluster is a copy of one that is made once for a user of this machine.
  const settings = { programs, user: 'millrace', password: 'onlyfortests', database: 'millrace' };
  const template = join(cacheFolder(), `test-cluster-${programs.version}-${programs.account?.name ?? 'own'}`);
  if (!isCluster(template)) {
    await withLock(`${template}.lock`, async () => {
      if (!isCluster(template)) await initialiseCluster({ ...settings, noSync: true }, template);
    });
  }
  const server = await onFreePort(async () =>
    startPostgres({ ...settings, folder: dir.path, port: await freePort(), template }),
  );
  let made = 0;
  return Object.assign(server, {
    createDatabase: async (name = `test_${++made}`) => {
      const client = new Client({ connectionString: server.url });
      await client.connect();
      try {
        await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
      } finally {
        await client.end();
      }
      return server.url.replace(/\/[^/]*$/, `/${name}`);
    },
  });
}

/** Nobody reserves a free port, and test files run side by side: one that was taken meanwhile is exchanged for another. */
async function onFreePort<S>(start: () => Promise<S>): Promise<S> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (!isAppError(error, 'PORT_IN_USE') || tries === 5) throw error;
    }
  }
}

function secret(): string {
  return randomBytes(16).toString('hex');
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
