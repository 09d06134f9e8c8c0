// One project of docker-compose.yml under proof: its ports, its clients, and what has to be true of it when it is quiet.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client as S3 } from 'minio';
import { Client } from 'pg';
import { freePorts } from '../../workers/local/ports.ts';
import { configurationFrom, wantedOf } from '../../workers/model/configuration.ts';
import { MARKER_FILE } from '../../workers/model/volume.ts';
import type { ObjectView } from '../../workers/pipeline/object-view.ts';
import { readYamlLayer } from '../../workers/platform/config-file.ts';
import { PROBE_FILE } from '../../workers/volumes/probe.ts';
import { eventually } from '../harness/eventually.ts';
import { assertExactState } from '../harness/exact-state.ts';
import { compose, containersOf, copyOut, type Project, ROOT } from './engine.ts';

const VOLUME = '/var/lib/millrace/standard';

export interface Site {
  readonly project: Project;
  readonly s3: S3;
  readonly databaseUrl: string;
  readonly keeperUrl: string;
  /** None of them may stand in a log. */
  readonly secrets: readonly string[];
}

/** Only variables that .env.example or config/README.md have. */
export async function planSite(): Promise<Site> {
  const [s3 = 0, nats = 0, postgres = 0, keeper = 0] = await freePorts(4);
  const [storeSecret = '', natsSecret = '', postgresSecret = ''] = Array.from({ length: 3 }, () =>
    randomBytes(12).toString('hex'),
  );
  const name = `millrace-proof-${randomBytes(3).toString('hex')}`;
  const accessKey = 'proof';
  return {
    project: {
      name,
      env: {
        MILLRACE_IMAGE: name,
        MILLRACE_STORE_ACCESS_KEY: accessKey,
        MILLRACE_STORE_SECRET_KEY: storeSecret,
        MILLRACE_NATS_PASSWORD: natsSecret,
        POSTGRES_PASSWORD: postgresSecret,
        S3_PORT: String(s3),
        NATS_PORT: String(nats),
        POSTGRES_PORT: String(postgres),
        KEEPER_PORT: String(keeper),
        PROCESSOR_MEMORY: '1g',
        // Ten minutes of grace and a minute of lease would be waited for after each blow.
        MILLRACE_KEEPER_GRACE_S: '2',
        MILLRACE_KEEPER_SCRUB_S: '5',
        MILLRACE_PROCESSOR_LEASE_MS: '10000',
      },
    },
    s3: new S3({
      endPoint: '127.0.0.1',
      port: s3,
      useSSL: false,
      accessKey,
      secretKey: storeSecret,
      region: 'us-east-1',
    }),
    databaseUrl: `postgres://millrace:${postgresSecret}@127.0.0.1:${postgres}/millrace`,
    keeperUrl: `http://127.0.0.1:${keeper}`,
    secrets: [storeSecret, natsSecret, postgresSecret],
  };
}

/** Every container that should run is healthy, and the two one-shots have ended well. */
export async function allHealthy(project: Project, processors: number): Promise<void> {
  await eventually(
    async () => {
      const containers = await containersOf(project);
      const healthy = containers.filter(({ state, health }) => state === 'running' && health === 'healthy');
      const services = healthy.map(({ service }) => service).sort();
      const wanted = ['keeper', 'minio', 'nats', 'postgres', ...Array.from({ length: processors }, () => 'processor')];
      assert.deepEqual(services, wanted, 'healthy containers');
      for (const oneShot of ['provision', 'volume-owners']) {
        const { state, exitCode } = containers.find(({ service }) => service === oneShot) ?? {};
        assert.deepEqual({ state, exitCode }, { state: 'exited', exitCode: 0 }, oneShot);
      }
      return true;
    },
    { timeoutMs: 180_000, intervalMs: 500, what: 'all containers healthy' },
  );
}

/** Waits until nothing is under way, copies the volume here, and asserts the state whole: objects, rows, sets, files and their bytes. */
export async function assertQuietState(site: Site, scratch: string): Promise<void> {
  await eventually(() => isQuiet(site.databaseUrl), { timeoutMs: 240_000, intervalMs: 500, what: 'a quiet index' });
  await eventually(
    async () => {
      const copy = join(scratch, 'volume');
      await rm(copy, { recursive: true, force: true });
      await mkdir(copy, { recursive: true });
      await copyOut(site.project, 'keeper', VOLUME, copy, PROBE_FILE);
      const { volumeId } = JSON.parse(await readFile(join(copy, MARKER_FILE), 'utf8')) as { volumeId: string };
      const { s3, databaseUrl } = site;
      const wanted = await wantedHere();
      await assertExactState({ s3, databaseUrl, wanted, buckets: ['images'], volumes: [{ volumeId, path: copy }] });
      return true;
    },
    { timeoutMs: 240_000, intervalMs: 1_000, what: 'the exact state' },
  );
}

/** No claim, nothing condemned, and no row that changes between two looks. */
async function isQuiet(databaseUrl: string): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // its query rejects, too
  try {
    await client.connect();
    const { rows } = await client.query<{ busy: number }>(
      "SELECT count(*)::int AS busy FROM millrace.sets WHERE state <> 'live'",
    );
    return rows[0]?.busy === 0;
  } finally {
    await client.end();
  }
}

/** What the configuration of this checkout, which the containers have mounted, wants. */
async function wantedHere() {
  const { values } = await readYamlLayer(join(ROOT, 'config', 'millrace.yaml'));
  const servers = {
    host: 'proof',
    store: { endpoint: 'http://127.0.0.1', accessKey: 'x', secretKey: 'x' },
    nats: { url: 'nats://127.0.0.1' },
    database: { url: 'postgres://127.0.0.1/x' },
  };
  return wantedOf(configurationFrom({ ...(values as Parameters<typeof configurationFrom>[0]), ...servers }), 1);
}

/** `millrace object ls`, as it runs in the keeper's container. */
export async function listObjects({ project }: Site): Promise<readonly ObjectView[]> {
  const lines = await compose(project, 'exec', '-T', 'keeper', 'millrace', 'object', 'ls', '--json');
  return lines.split('\n').map((line) => JSON.parse(line) as ObjectView);
}

/** Each rendition as a reader gets it, by the keeper's published port: whole, of its own type. */
export async function assertReadable({ keeperUrl }: Site, views: readonly ObjectView[]): Promise<number> {
  let read = 0;
  for (const { renditions } of views) {
    for (const { path, bytes, format } of renditions) {
      const [setId = '', file = ''] = (path ?? '').split('/').slice(-2);
      const response = await fetch(`${keeperUrl}/v1/sets/${setId}/${file}`);
      const body = Buffer.from(await response.arrayBuffer());
      assert.equal(response.status, 200, `${path} by HTTP`);
      assert.equal(body.length, bytes, `${path} by HTTP has its length`);
      assert.equal(response.headers.get('content-type'), `image/${format}`);
      read += 1;
    }
  }
  return read;
}

/** Key → the set that its row names: unchanged where nothing was rendered again. */
export function setsOf(views: readonly ObjectView[]): ReadonlyMap<string, string> {
  return new Map(views.map(({ key, renditions }) => [key, (renditions[0]?.path ?? '').split('/').at(-2) ?? '']));
}
