// A MinIO on the loopback interface that tells NATS of every change twice: live, and by a journal that survives.
import { join } from 'node:path';
import { EVENT_SUBJECTS } from '../model/subjects.ts';
import { startChild } from './child.ts';
import { childEnv } from './child-env.ts';
import { makePrivateFolder } from './folder.ts';
import { answersOk } from './http-probe.ts';
import { assertPortsFree, LOOPBACK } from './ports.ts';
import { type Server, startServer } from './server.ts';

export interface MinioOptions {
  /** Path of minio. */
  readonly binary: string;
  /** The data folder: objects are in `<folder>/minio/objects`, undelivered events in `<folder>/minio/events`. */
  readonly folder: string;
  readonly port: number;
  /** At least 3 characters. */
  readonly accessKey: string;
  /** At least 8 characters. */
  readonly secretKey: string;
  /** Where the notifications go. Their streams should exist first: what is sent before is lost (live) or late (journal). */
  readonly nats?: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface MinioServer extends Server {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`. */
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

// MinIO answers to this one unless MINIO_SITE_REGION is set, which would also change the ARNs of the targets.
export const REGION = 'us-east-1';

/** Target id (the end of its ARN) and subject. The live ones are in the stream before the PUT returns, the journals survive an outage of NATS. */
const TARGETS = {
  LIVE_CREATED: EVENT_SUBJECTS.created,
  LIVE_REMOVED: EVENT_SUBJECTS.removed,
  JOURNAL_CREATED: EVENT_SUBJECTS.createdJournal,
  JOURNAL_REMOVED: EVENT_SUBJECTS.removedJournal,
};

/** Resolves when S3 requests are served and the buckets' rules are loaded (`/minio/health/ready` says yes before either). Errors: PORT_IN_USE and those of startChild. */
export async function startMinio(options: MinioOptions): Promise<MinioServer> {
  const { binary, folder, port, accessKey, secretKey } = options;
  const home = join(folder, 'minio');
  await makePrivateFolder(join(home, 'objects'));
  await makePrivateFolder(join(home, 'events'));
  await makePrivateFolder(join(home, 'certs'));

  const start = async () => {
    await assertPortsFree({ MinIO: port });
    return startChild({
      name: 'minio',
      command: binary,
      // A certificate in the user's own ~/.minio would turn TLS on.
      args: ['server', '--address', `${LOOPBACK}:${port}`, '--certs-dir', join(home, 'certs'), join(home, 'objects')],
      env: childEnv(minioEnv(options)),
      folder,
      port,
      signal: options.signal,
      isReady: () => answersOk(`http://${LOOPBACK}:${port}/minio/health/cluster`),
    });
  };
  return startServer(start, {
    host: LOOPBACK,
    port,
    endpoint: `http://${LOOPBACK}:${port}`,
    accessKey,
    secretKey,
    region: REGION,
  });
}

/** One bad target leaves MinIO with none at all and one line in its log, so all four are written by one hand. */
export function minioEnv({ folder, accessKey, secretKey, nats }: MinioOptions): Record<string, string> {
  const env: Record<string, string> = {
    MINIO_ROOT_USER: accessKey,
    MINIO_ROOT_PASSWORD: secretKey,
    MINIO_BROWSER: 'off',
    MINIO_UPDATE: 'off',
    // Without it 3,856 of 6,929 stored objects had no event after a kill -9 (measured): events would wait in memory.
    MINIO_API_SYNC_EVENTS: 'on',
    // Without it S3 answers before the buckets' rules are loaded: what is put in the first moments after a start has no event at all (measured).
    MINIO_SYNC_BOOT: 'on',
  };
  if (nats === undefined) return env;
  for (const [id, subject] of Object.entries(TARGETS)) {
    const set = (key: string, value: string) => (env[`MINIO_NOTIFY_NATS_${key}_${id}`] = value);
    set('ENABLE', 'on');
    set('ADDRESS', `${nats.host}:${nats.port}`);
    set('USERNAME', nats.user);
    set('PASSWORD', nats.password);
    set('JETSTREAM', 'on');
    set('SUBJECT', subject);
    if (id.startsWith('JOURNAL_')) {
      set('QUEUE_DIR', join(folder, 'minio', 'events'));
      set('QUEUE_LIMIT', '100000');
    }
  }
  return env;
}
