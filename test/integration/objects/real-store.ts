// A real MinIO, the port on it, and an ordinary S3 client as its user's hands.
import { Client } from 'minio';
import { openObjects, type ObjectStore } from '../../../workers/objects/open-objects.ts';
import { openStore, type Store, type StoreConfig } from '../../../workers/objects/signed-request.ts';
import type { MinioServer } from '../../../workers/local/minio.ts';
import type { ObjectsUnderTest } from '../../contract/objects.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren, startTestServers } from '../../harness/servers.ts';

export interface RealStore extends ObjectsUnderTest {
  readonly objects: ObjectStore;
  readonly config: StoreConfig;
  readonly store: Store;
  readonly client: Client;
  readonly minio: MinioServer;
  /** Resolves when S3 is served, asked over a connection of its own: the ready endpoint says so a little too early. */
  ready(): Promise<void>;
}

export async function startRealStore(): Promise<RealStore> {
  const servers = await startTestServers({ minio: true });
  const { minio } = servers;
  const config = storeConfigOf(minio);
  const objects = openObjects(config);
  const store = openStore(config);
  const client = clientOf(minio);

  const ready = async () => {
    using fresh = openStore(config);
    await eventually(() => fresh.send({ method: 'HEAD', bucket: 'none' }));
  };
  await ready();

  async function makeBucket(bucket: string): Promise<void> {
    const { status } = await store.send({ method: 'PUT', bucket });
    if (status !== 200 && status !== 409) throw new Error(`bucket ${bucket} was not made: ${status}`);
  }

  return {
    objects,
    config,
    store,
    client,
    minio,
    ready,
    put: async ({ bucket, key }, body, { contentType = 'image/jpeg', metadata = {} } = {}) => {
      await makeBucket(bucket);
      const bytes = Buffer.from(body);
      await client.putObject(bucket, key, bytes, bytes.length, { 'Content-Type': contentType, ...metadata });
    },
    remove: ({ bucket, key }) => client.removeObject(bucket, key),
    wipeBucket: async (bucket) => {
      // minio-js lists a key `0123` as `123`: the port's own listing names what is there.
      for await (const { key } of objects.list(bucket, '')) await client.removeObject(bucket, key);
      await client.removeBucket(bucket);
    },
    tag: async (bucket, sourceId) => {
      await makeBucket(bucket);
      await client.setBucketTagging(bucket, { 'millrace-source': sourceId });
    },
    fetch: async ({ url, headers }) => {
      const response = await fetch(url, { headers });
      return { status: response.status, body: await response.text() };
    },
    close: async () => {
      objects[Symbol.dispose]();
      store[Symbol.dispose]();
      await servers.stop();
      assertNoChildren();
    },
  };
}

function storeConfigOf({ endpoint, region, accessKey, secretKey }: MinioServer): StoreConfig {
  return { endpoint, region, accessKey, secretKey };
}

export function clientOf({ host, port, region, accessKey, secretKey }: MinioServer): Client {
  return new Client({ endPoint: host, port, useSSL: false, region, accessKey, secretKey });
}
