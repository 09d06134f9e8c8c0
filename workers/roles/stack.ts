// The whole of Millrace on this machine, with real servers: started in order, watched, stopped in order.
import { findBinary, type ProgramName } from '../local/binaries.ts';
import { openCredentials } from '../local/credentials.ts';
import { ownDataFolder, recoverStale } from '../local/data-folder.ts';
import { keepRunning } from '../local/keep-running.ts';
import { createLastResort } from '../local/last-resort.ts';
import { type MinioServer, REGION, startMinio } from '../local/minio.ts';
import { type NatsServer, startNats } from '../local/nats.ts';
import { assertPortsFree, LOOPBACK } from '../local/ports.ts';
import { type PostgresServer, startPostgres } from '../local/postgres.ts';
import { findPostgres } from '../local/postgres-binaries.ts';
import { type RoleCommand, type RoleRequest, startRole } from '../local/role-process.ts';
import type { Server } from '../local/server.ts';
import { removeStackFile, type StackInfo, type StackVolume, writeStackFile } from '../local/stack-file.ts';

export interface StackOptions {
  /** The data folder, absolute. */
  readonly folder: string;
  /** S3; NATS, PostgreSQL and the keeper follow, the processors' health ports begin ten above. */
  readonly portBase: number;
  readonly processors: number;
  readonly demo: boolean;
}

/** What runs when the streams and the database are provisioned. */
export interface StackSite {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  /** Where MinIO is, or is going to be. */
  readonly s3: Omit<StackInfo['s3'], 'bucket'>;
  readonly signal: AbortSignal;
}

export interface StoreSite extends StackSite {
  readonly minio: MinioServer;
}

export interface StackDeps {
  /** Streams, consumers, database: before MinIO starts, which would lose events that find no stream. */
  readonly provisionStreams: (site: StackSite) => Promise<void>;
  /** Buckets, rules, volumes: what needs the store. */
  readonly provisionStore: (
    site: StoreSite,
  ) => Promise<{ readonly bucket: string; readonly volumes: readonly StackVolume[] }>;
  readonly roleCommand: (role: RoleRequest, info: StackInfo) => RoleCommand;
  readonly demo: (info: StackInfo, signal: AbortSignal) => Promise<void>;
  /** One line for the person at the terminal. */
  readonly print: (line: string) => void;
}

interface Stack extends AsyncDisposable {
  readonly info: StackInfo;
}

/**
 * Starts everything, runs until the signal is aborted, stops everything and resolves.
 * Rejects, with nothing left running, where it cannot start: errors of startStack.
 */
export async function runStack(options: StackOptions, deps: StackDeps, signal: AbortSignal): Promise<void> {
  try {
    await using stack = await startStack(options, deps, signal);
    if (options.demo) await deps.demo(stack.info, signal);
    for (const line of whereToLook(options, stack.info)) deps.print(line);
    await untilAborted(signal);
    deps.print('Stopping …');
  } catch (error) {
    if (!signal.aborted) throw error; // whatever else an interrupted start or demo says, it was interrupted
  }
}

/**
 * Resolves when everything is ready and stack.json is written; disposing it stops all children in order.
 * Errors: STACK_RUNNING, PORT_IN_USE, GO_MISSING, BUILD_FAILED, POSTGRES_MISSING, POSTGRES_INIT_FAILED, DISK_FULL, DATA_DIR_UNUSABLE, CREDENTIALS_MISSING,
 * CREDENTIALS_UNREADABLE, CHILD_EXITED, CHILD_NOT_READY, those of `deps`, and the signal's reason. After an error nothing is left running.
 */
async function startStack(options: StackOptions, deps: StackDeps, signal: AbortSignal): Promise<Stack> {
  const { folder, portBase } = options;
  await using opened = new AsyncDisposableStack();

  opened.use(await ownDataFolder(folder));
  const credentials = await openCredentials(folder);
  for (const name of await recoverStale(folder)) deps.print(`Stopped ${name}, left over from a stack that was killed.`);
  await removeStackFile(folder);
  opened.defer(() => removeStackFile(folder));
  const roles = rolesOf(options);
  const ports = { MinIO: portBase, NATS: portBase + 1, PostgreSQL: portBase + 2 };
  await assertPortsFree({ ...ports, ...Object.fromEntries(roles.map(({ name, port }) => [name, port])) });
  const programs = await findPostgres();
  const find = (name: ProgramName) => findBinary(name, { onProgress: deps.print, signal });
  const binaries = { nats: await find('nats-server'), minio: await find('minio') };

  const lastResort = opened.use(createLastResort());
  /** Watched from now on, and stopped together, before whatever was kept earlier. */
  const keep = (servers: Readonly<Record<string, Server>>) => {
    const watches = Object.entries(servers).map(([name, server]) => {
      lastResort.add(server);
      return keepRunning(server, { name, print: deps.print });
    });
    opened.defer(async () => void (await Promise.all(watches.map((watch) => watch[Symbol.asyncDispose]()))));
  };

  const nats = await startNats({ binary: binaries.nats, folder, port: ports.NATS, ...credentials.nats, signal });
  keep({ 'nats-server': nats });
  const postgres = await startPostgres({
    programs,
    folder,
    port: ports.PostgreSQL,
    ...credentials.postgres,
    database: 'millrace',
    signal,
  });
  keep({ postgres });
  const { user: accessKey, password: secretKey } = credentials.s3;
  const s3 = { endpoint: `http://${LOOPBACK}:${ports.MinIO}`, accessKey, secretKey, region: REGION };
  await deps.provisionStreams({ folder, nats, postgres, s3, signal });

  const minio = await startMinio({
    binary: binaries.minio,
    folder,
    port: ports.MinIO,
    accessKey,
    secretKey,
    nats,
    signal,
  });
  keep({ minio });
  const { bucket, volumes } = await deps.provisionStore({ folder, nats, postgres, s3, minio, signal });

  const info: StackInfo = {
    s3: { ...s3, bucket },
    nats: { url: nats.url },
    postgres: { url: postgres.url },
    volumes,
  };
  // The keeper first: without an announced volume the processors would fetch nothing.
  for (const group of [
    roles.filter(({ kind }) => kind === 'keeper'),
    roles.filter(({ kind }) => kind === 'processor'),
  ]) {
    const starting = group.map(
      async (role) => [role.name, await startRole(role, deps.roleCommand(role, info), { folder, signal })] as const,
    );
    const settled = await Promise.allSettled(starting);
    keep(Object.fromEntries(settled.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))));
    for (const start of settled) if (start.status === 'rejected') throw start.reason;
  }
  await writeStackFile(folder, info);
  const owned = opened.move();
  return { info, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function rolesOf({ portBase, processors }: StackOptions): RoleRequest[] {
  const numbers = Array.from({ length: processors }, (_, index) => index);
  return [
    { kind: 'keeper', name: 'keeper', port: portBase + 3 },
    ...numbers.map((index) => ({
      kind: 'processor' as const,
      name: `processor-${index + 1}`,
      port: portBase + 10 + index,
    })),
  ];
}

function whereToLook({ folder }: StackOptions, { s3, postgres, volumes }: StackInfo): string[] {
  return [
    'Ready. Ctrl-C stops everything; the data stays.',
    `  data folder   ${folder} (logs in logs/, connection data in stack.json)`,
    ...volumes.map(({ id, tier, path }) => `  renditions    ${path} (volume ${id}, tier ${tier})`),
    `  S3            ${s3.endpoint}  bucket ${s3.bucket}  access key ${s3.accessKey}  secret key ${s3.secretKey}`,
    `  database      ${postgres.url}`,
  ];
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // A pending promise alone does not keep a process alive, and the children may be gone while they wait to be restarted.
  const alive = setInterval(() => {}, 60_000);
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(alive);
        resolve();
      },
      { once: true },
    );
  });
}
