// A nats-server with JetStream on the loopback interface, that has fsynced whatever it acknowledged.
import { connect } from 'node:net';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { childEnv } from './child-env.ts';
import { makePrivateFolder, writePrivateFile } from './folder.ts';
import { assertPortsFree, LOOPBACK } from './ports.ts';
import { type Server, startServer } from './server.ts';

export interface NatsOptions {
  /** Path of nats-server. */
  readonly binary: string;
  /** The data folder: the store is `<folder>/nats`. */
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  /** Letters and digits: it stands in a URL. */
  readonly password: string;
  /** HTTP port of `/healthz`, `/varz` and `/jsz`; none without it. */
  readonly monitorPort?: number;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface NatsServer extends Server {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `nats://user:password@host:port`. */
  readonly url: string;
  readonly monitorUrl: string | undefined;
}

/** Resolves when clients can connect and JetStream has recovered its streams. Errors: PORT_IN_USE and those of startChild. */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const { folder, port, user, password, monitorPort } = options;
  const configFile = join(folder, 'nats', 'nats-server.json');
  await makePrivateFolder(join(folder, 'nats', 'store'));
  await writePrivateFile(configFile, `${JSON.stringify(natsConfig(options), null, 2)}\n`);

  const start = async () => {
    await assertPortsFree({ NATS: port, ...(monitorPort === undefined ? {} : { 'NATS monitor': monitorPort }) });
    return startChild({
      name: 'nats-server',
      command: options.binary,
      args: ['--config', configFile],
      env: childEnv({}),
      folder,
      port,
      signal: options.signal,
      isReady: () => greetsClients(port),
    });
  };
  return startServer(start, {
    host: LOOPBACK,
    port,
    user,
    password,
    url: `nats://${user}:${password}@${LOOPBACK}:${port}`,
    monitorUrl: monitorPort === undefined ? undefined : `http://${LOOPBACK}:${monitorPort}`,
  });
}

/** nats-server reads JSON as a configuration file. */
export function natsConfig({ folder, port, user, password, monitorPort }: NatsOptions): object {
  return {
    server_name: 'millrace',
    host: LOOPBACK,
    port,
    ...(monitorPort === undefined ? {} : { http: `${LOOPBACK}:${monitorPort}` }),
    max_payload: 1024 * 1024,
    authorization: { users: [{ user, password }] },
    jetstream: {
      store_dir: join(folder, 'nats', 'store'),
      // The default acknowledges up to two minutes before it fsyncs.
      sync_interval: 'always',
      // The default, a share of the disk's free space, would refuse streams by their max_bytes on a small disk.
      max_file_store: 1024 ** 4,
      max_memory_store: 256 * 1024 ** 2,
    },
  };
}

/** The server speaks first, and only after JetStream has recovered. */
function greetsClients(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const settle = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(1000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (data) => settle(data.toString('latin1').startsWith('INFO ')));
  });
}
