// A MinIO whose notification targets the test chooses. Nobody listens where they point: MinIO offers its targets all the same.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { findBinary } from '../../../workers/local/binaries.ts';
import { type Child, startChild } from '../../../workers/local/child.ts';
import { childEnv } from '../../../workers/local/child-env.ts';
import { freePort } from '../../../workers/local/ports.ts';
import { openStore, type Store, type StoreConfig } from '../../../workers/objects/signed-request.ts';
import { eventually } from '../../harness/eventually.ts';
import { tempDir } from '../../harness/temp-dir.ts';

export interface MinioWithTargets extends AsyncDisposable {
  readonly store: Store;
  readonly config: StoreConfig;
  /** The same store with other NATS targets. */
  restartWith(natsIds: readonly string[]): Promise<void>;
}

export async function startMinioWithTargets(
  natsIds: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<MinioWithTargets> {
  await using opened = new AsyncDisposableStack();
  const { path: folder } = opened.use(await tempDir());
  const port = await freePort();
  const secretKey = randomBytes(16).toString('hex');
  const config = {
    endpoint: `http://127.0.0.1:${port}`,
    region: env.MINIO_SITE_REGION ?? 'us-east-1',
    accessKey: 'millrace',
    secretKey,
  };
  const store = opened.use(openStore(config));
  const running: Child[] = [];
  opened.defer(async () => {
    for (const child of running) await child.stop('SIGKILL');
  });
  const command = await findBinary('minio');
  const startWith = async (ids: readonly string[]) => {
    const child = await startChild({
      name: 'minio',
      command,
      args: ['server', '--address', `127.0.0.1:${port}`, '--certs-dir', join(folder, 'certs'), join(folder, 'objects')],
      env: childEnv({
        MINIO_ROOT_USER: config.accessKey,
        MINIO_ROOT_PASSWORD: secretKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
        // Without it MinIO serves S3 before it has loaded its targets and the buckets' rules.
        MINIO_SYNC_BOOT: 'on',
        ...targetsOf(ids),
        ...env,
      }),
      folder,
      port,
      isReady: () => true,
    });
    running.push(child);
    await eventually(() => store.send({ method: 'HEAD', bucket: 'none' }));
    return child;
  };
  let child = await startWith(natsIds);
  const owned = opened.move();
  return {
    store,
    config,
    restartWith: async (ids) => {
      await child.stop();
      child = await startWith(ids);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function targetsOf(natsIds: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const id of natsIds) {
    env[`MINIO_NOTIFY_NATS_ENABLE_${id}`] = 'on';
    env[`MINIO_NOTIFY_NATS_ADDRESS_${id}`] = '127.0.0.1:9';
    env[`MINIO_NOTIFY_NATS_SUBJECT_${id}`] = `events.${id}`;
    env[`MINIO_NOTIFY_NATS_JETSTREAM_${id}`] = 'on';
  }
  return env;
}
