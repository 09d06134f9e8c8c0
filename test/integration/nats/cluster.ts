// Three nats-servers that replicate for each other, for what only happens there: leaders that change, and leaders that die.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinary } from '../../../workers/local/binaries.ts';
import { startChild } from '../../../workers/local/child.ts';
import { freePorts, isPortFree, LOOPBACK } from '../../../workers/local/ports.ts';
import { type Server, startServer } from '../../../workers/local/server.ts';
import { killAtExit } from '../../harness/leaks.ts';
import { tempDir } from '../../harness/temp-dir.ts';

export interface Cluster extends AsyncDisposable {
  /** Of all three, separated by commas. */
  readonly url: string;
  /** `n1`, `n2`, `n3`, as JetStream names its leaders. */
  kill(name: string): Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  await using opened = new AsyncDisposableStack();
  const dir = opened.use(await tempDir());
  const command = await findBinary('nats-server', { onProgress: () => {} });
  const names = ['n1', 'n2', 'n3'];
  const ports = await freePorts(6);
  const routes = ports.slice(3).map((port) => `nats://${LOOPBACK}:${port}`);
  const servers = new Map<string, Server>();
  for (const [n, name] of names.entries()) {
    const port = ports[n] ?? 0;
    const store = join(dir.path, name);
    await mkdir(store);
    const file = join(store, 'nats-server.json');
    const config = {
      server_name: name,
      host: LOOPBACK,
      port,
      cluster: { name: 'test', host: LOOPBACK, port: ports[n + 3], routes, no_advertise: true },
      jetstream: { store_dir: store, max_file_store: 1024 ** 4 },
    };
    await writeFile(file, JSON.stringify(config));
    const start = () =>
      startChild({
        name,
        command,
        args: ['--config', file],
        env: {},
        folder: dir.path,
        port,
        isReady: async () => !(await isPortFree(port)),
      });
    const server = await startServer(start, {});
    opened.defer(() => server.kill9());
    killAtExit(server);
    servers.set(name, server);
  }
  const owned = opened.move();
  return {
    url: ports
      .slice(0, 3)
      .map((port) => `nats://${LOOPBACK}:${port}`)
      .join(),
    async kill(name) {
      await servers.get(name)?.kill9();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
