// A PostgreSQL server on the loopback interface, with its database made at the first start.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, isAppError } from '../platform/errors.ts';
import { type Child, startChild } from './child.ts';
import { assertPortsFree, LOOPBACK } from './ports.ts';
import { type ClusterOptions, initialiseCluster, insideCluster, isCluster } from './postgres-cluster.ts';
import { programOf } from './process-identity.ts';
import { type Server, startServer } from './server.ts';

export interface PostgresOptions extends ClusterOptions {
  /** The data folder: the cluster is `<folder>/postgres`. */
  readonly folder: string;
  readonly port: number;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface PostgresServer extends Server {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
}

/** Resolves when connections are accepted. Errors: PORT_IN_USE, POSTGRES_INIT_FAILED and those of startChild. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { programs, folder, port, user, password, database } = options;
  const cluster = join(folder, 'postgres');
  if (!isCluster(cluster)) await initialiseCluster(options, cluster);
  const { dataDir, spawnOptions } = insideCluster(programs, cluster);

  const start = async (): Promise<Child> => {
    await assertPortsFree({ PostgreSQL: port });
    await forgetStranger(cluster);
    return startChild({
      name: 'postgres',
      command: programs.postgres,
      args: ['-D', dataDir, ...Object.entries(settings(port)).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      ...spawnOptions,
      folder,
      port,
      signal: options.signal,
      isReady: (pid) => saysReady(cluster, pid),
      stopSignal: 'SIGINT', // "fast": ends the sessions; SIGTERM would wait for the clients to go
      withDescendants: true,
    });
  };
  return startServer(() => pastOrphans(start), {
    host: LOOPBACK,
    port,
    user,
    password,
    database,
    url: `postgres://${user}:${password}@${LOOPBACK}:${port}/${database}`,
  });
}

function settings(port: number): Record<string, string> {
  return {
    listen_addresses: LOOPBACK,
    port: String(port),
    unix_socket_directories: '', // a socket's path may have 107 bytes only, a data folder's may be longer
    max_connections: '200',
    io_method: 'sync', // saves three processes for each server that a test starts
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
}

/** The eighth line of postmaster.pid says what pg_ctl waits for too. */
async function saysReady(cluster: string, pid: number): Promise<boolean> {
  const lines = await readLockFile(cluster);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/**
 * After a crash of the machine the pid in postmaster.pid is often another process's by now, and PostgreSQL would refuse to start beside it.
 * Should sessions of a killed server live on, PostgreSQL still sees that by its shared memory.
 */
async function forgetStranger(cluster: string): Promise<void> {
  const pid = Number((await readLockFile(cluster))[0]);
  if (!(pid > 0)) return;
  const program = programOf(pid);
  if (program !== undefined && !program.startsWith('postgres')) await rm(lockFileOf(cluster));
}

/** After a kill -9 of the server its sessions take a moment to notice; until then a new one refuses to start beside them. */
async function pastOrphans(start: () => Promise<Child>): Promise<Child> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      const orphans = isAppError(error, 'CHILD_EXITED') && error.message.includes('pre-existing shared memory block');
      if (!orphans || tries === 40) throw error;
      await delay(250);
    }
  }
}

function lockFileOf(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}

/** No lines where there is no such file. */
async function readLockFile(cluster: string): Promise<string[]> {
  try {
    return (await readFile(lockFileOf(cluster), 'utf8')).split('\n');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
