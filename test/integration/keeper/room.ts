// A provisioned NATS and index, a folder for volumes, and keepers that end with the test.
import { randomUUID } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { Client } from 'pg';
import { openIndex } from '../../../workers/index/open-index.ts';
import { provisionIndex } from '../../../workers/index/provision-index.ts';
import { FACTS_FILE } from '../../../workers/model/rendition-set.ts';
import { KV_BUCKETS, volumeKey } from '../../../workers/model/subjects.ts';
import type { VolumeAnnouncement } from '../../../workers/model/volume.ts';
import { connectNats } from '../../../workers/nats/connect.ts';
import { provisionJetStream } from '../../../workers/nats/provision.ts';
import type { AttemptEnding } from '../../../workers/pipeline/ports.ts';
import { createLog, type Log } from '../../../workers/platform/log.ts';
import { type Keeper, type KeeperConfig, openKeeper } from '../../../workers/roles/keeper.ts';
import { eventually } from '../../harness/eventually.ts';
import type { TestServers } from '../../harness/servers.ts';
import { tempDir } from '../../harness/temp-dir.ts';
import { refOf, somePicture, versionOf } from '../../harness/wanted.ts';
import type { RealVolume } from '../volumes/real-volume.ts';

export const HOST = 'host-1';

interface KeeperOptions extends Partial<Omit<KeeperConfig, 'volumes'>> {
  readonly volumes: readonly { readonly volumeId?: string; readonly path: string; readonly tier?: string }[];
  /** How far its clock is ahead of that of the files. */
  readonly aheadMs?: number;
}

export interface DescribedVolume {
  readonly path: string;
  readonly gate: VolumeAnnouncement['gate'];
  readonly rounds: Readonly<Record<'probe' | 'collect' | 'scrub', { readonly ended: number }>>;
  readonly lastScrub: { readonly withheld: { readonly count: number } | null } | null;
}

export type KeeperRoom = Awaited<ReturnType<typeof startKeeperRoom>>;

export async function startKeeperRoom(servers: TestServers<{ nats: true; postgres: true }>) {
  await using opened = new AsyncDisposableStack();
  const { path: folder } = opened.use(await tempDir());
  const log: Log = createLog({ role: 'keeper', level: 'silent' });
  const url = await servers.postgres.createDatabase(`keeper_${randomUUID().slice(0, 8)}`);
  const options = { url, poolSize: 4, applicationName: 'test' };
  const provisioned = await provisionIndex(options, log);
  await provisioned.close();
  const index = opened.use(openIndex(options, log));

  let client = await connected();
  opened.defer(() => client.end());
  async function connected(): Promise<Client> {
    const made = new Client({ connectionString: url });
    made.on('error', () => undefined); // tests stop the server
    await made.connect();
    return made;
  }

  const nats = await connectNats({ url: servers.nats.url, name: 'test' }, log);
  opened.defer(() => nats.close(100));
  await provisionJetStream(nats, { tiers: ['default'], replicas: 1 });
  const bucket = await new Kvm(nats.js).open(KV_BUCKETS.volumes);

  const config = ({ volumes, ...over }: Omit<KeeperOptions, 'aheadMs'>): KeeperConfig => ({
    host: HOST,
    listen: { host: '127.0.0.1', port: 0 },
    graceMs: 600_000,
    floor: { minFreeBytes: 0, minFreePercent: 0, minFreeInodes: 0 },
    scrubMs: 3_600_000,
    nats: { url: servers.nats.url, name: `keeper-${HOST}` },
    index: { url, poolSize: 4, applicationName: `millrace keeper ${HOST}` },
    pace: { announceMs: 50, collectMs: 50, scrubFirstMs: 20 },
    ...over,
    volumes: volumes.map(({ path, volumeId, tier = 'default' }) => ({
      path,
      tier,
      ...(volumeId === undefined ? {} : { volumeId }),
    })),
  });

  const owned = opened.move();
  const volumeOf = async (keeper: Keeper, path: string): Promise<DescribedVolume> => {
    const { volumes } = (await (await fetch(`${keeper.url}/healthz`)).json()) as { volumes: DescribedVolume[] };
    const found = volumes.find((volume) => volume.path === path);
    if (found === undefined) throw new Error(`the keeper knows no ${path}`);
    return found;
  };
  async function announcement(volumeId: string): Promise<(VolumeAnnouncement & { revision: number }) | null> {
    const entry = await bucket.get(volumeKey(volumeId, HOST));
    return entry === null || entry.operation !== 'PUT'
      ? null
      : { ...entry.json<VolumeAnnouncement>(), revision: entry.revision };
  }
  const gateOf = ({ gate }: Pick<VolumeAnnouncement, 'gate'>) => (gate.state === 'open' ? 'open' : gate.reason);
  /** Announcements up to this revision of the bucket do not count. */
  let since = 0;

  /** A set of an object of its own on the volume, claimed, with its directory. */
  async function claimed(volume: RealVolume): Promise<string> {
    const setId = randomUUID();
    await index.claim({
      ref: refOf(`${setId}.jpg`),
      version: versionOf(),
      setId,
      fingerprint: 'f',
      volume: volume.volumeId,
      tier: 'default',
      host: HOST,
      leaseMs: 60_000,
    });
    await volume.make(setId, ['large.webp', FACTS_FILE]);
    return setId;
  }
  const ending: AttemptEnding = { outcome: 'abandoned', code: null, message: null, phasesMs: {} };

  return {
    folder,
    log,
    index,
    indexId: provisioned.indexId,
    config,
    claimed,
    abandoned: ending,
    async live(volume: RealVolume): Promise<string> {
      const setId = await claimed(volume);
      const change = {
        kind: 'rendered',
        version: versionOf(),
        renditions: [],
        metadata: somePicture,
        damaged: false,
      } as const;
      await index.commit({
        ref: refOf(`${setId}.jpg`),
        observedRevision: 0,
        tier: 'default',
        generation: 1,
        change,
        claim: { setId, ending: { ...ending, outcome: 'rendered' } },
        keepSet: false,
      });
      return setId;
    },
    /** Stopped with the room at the latest. */
    async keeper({ aheadMs = 0, ...options }: KeeperOptions): Promise<Keeper> {
      const now = () => Date.now() + aheadMs;
      return owned.use(await openKeeper(config(options), { log, signal: new AbortController().signal, now }));
    },
    volumeOf,
    async gate(keeper: Keeper, path: string, wanted: string): Promise<void> {
      await eventually(async () => gateOf(await volumeOf(keeper, path)) === wanted, {
        what: `the gate of ${path} to be ${wanted}`,
      });
    },
    /** The announcement of the volume as soon as its gate is so. */
    async announced(volumeId: string, wanted: string): Promise<VolumeAnnouncement> {
      return eventually(
        async () => {
          const told = await announcement(volumeId);
          if (told === null || told.revision <= since || gateOf(told) !== wanted) return null;
          const { revision: _, ...rest } = told;
          return rest;
        },
        { what: `${volumeId} to be announced as ${wanted}`, timeoutMs: 30_000 },
      );
    },
    /** What was announced before `meanwhile` ended does not count any more. */
    async forgetAnnouncements(meanwhile: () => Promise<void>): Promise<void> {
      await meanwhile();
      await eventually(() => nats.state === 'connected'); // a request sent before would wait for its answer in vain
      since = (await bucket.status()).streamInfo.state.last_seq;
    },
    /** So many rounds of probing and of collecting begin and end. */
    async rounds(keeper: Keeper, path: string, count: number): Promise<void> {
      const ended = async () => {
        const { probe, collect } = (await volumeOf(keeper, path)).rounds;
        return Math.min(probe.ended, collect.ended);
      };
      const before = await ended();
      await eventually(async () => (await ended()) > before + count, { what: `${count} rounds of the keeper` });
    },
    /** As if so much time had passed for leases and graces. */
    async advanceIndex(ms: number): Promise<void> {
      await client.query(
        `UPDATE millrace.sets SET lease_until = lease_until - $1 * interval '1 ms', condemned_at = condemned_at - $1 * interval '1 ms'`,
        [ms],
      );
    },
    /** After the server was stopped. */
    async reconnectSql(): Promise<void> {
      await client.end();
      client = await connected();
    },
    /** Of keepers, to this room's database and to NATS. */
    async keeperConnections(): Promise<number> {
      const { rows } = await client.query(
        `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millrace keeper%' AND datname = current_database()`,
      );
      const connz = (await (await fetch(`${servers.nats.monitorUrl}/connz`)).json()) as {
        connections: { name?: string }[];
      };
      return rows.length + connz.connections.filter(({ name }) => name === `keeper-${HOST}`).length;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
