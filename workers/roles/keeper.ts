// The keeper: proves and announces the volumes of this host, serves their reads, and is the only one that deletes there (DESIGN 4). Wiring.
import type { DatabaseOptions } from '../index/database.ts';
import { openIndex } from '../index/open-index.ts';
import type { Configuration } from '../model/configuration.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';
import { connectNats, type Nats, type NatsOptions } from '../nats/connect.ts';
import { announceVolume } from '../nats/volume-watch.ts';
import { AppError } from '../platform/errors.ts';
import type { Role } from '../platform/lifecycle.ts';
import type { Log } from '../platform/log.ts';
import { createReads } from '../volumes/reads.ts';
import type { SpaceFloor } from '../volumes/space.ts';
import { databaseOptions, natsOptions } from './connections.ts';
import { startKeeperHttp } from './keeper-http.ts';
import { type IndexIdentity, type KeptVolume, type KeptVolumeConfig, keepVolume } from './keeper-volume.ts';
import { startPeriodic } from './periodic.ts';

export interface KeeperConfig {
  /** The configured name of this host. */
  readonly host: string;
  readonly volumes: readonly KeptVolumeConfig[];
  readonly listen: { readonly host: string; readonly port: number };
  /** How others reach the reads; absent: the address listened on. */
  readonly url?: string;
  readonly graceMs: number;
  readonly floor: SpaceFloor;
  readonly scrubMs: number;
  readonly nats: NatsOptions;
  readonly index: DatabaseOptions;
  /** Removals that scrub may make although the guard of I5 withholds them; default none. */
  readonly allowRemovals?: number;
  /** Rhythms that only tests change. */
  readonly pace?: Partial<typeof PACE>;
}

export interface KeeperDeps {
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface Keeper extends Role {
  /** Of the HTTP server. */
  readonly url: string;
}

const PACE = {
  announceMs: 2_000,
  probeTimeoutMs: 5_000,
  collectMs: 5_000,
  /** Claims that a restart of the whole host cut off have run out by then. */
  scrubFirstMs: 60_000,
  readStallMs: 30_000,
};

const MIB = 2 ** 20;
const MIN_FREE_INODES = 1_000;

export async function startKeeper(configuration: Configuration, log: Log, signal: AbortSignal): Promise<Keeper> {
  return openKeeper(keeperConfigOf(configuration), { log, signal });
}

/**
 * Resolves when it is connected to NATS and has probed its volumes once; their reads are served before that. A volume that is not proven, or an
 * index that is away, is no reason not to start. Errors: PORT_IN_USE, KEEPER_URL_MISSING, NO_VOLUMES; an AbortError when the signal fires.
 */
export async function openKeeper(
  config: KeeperConfig,
  { log, signal, now = Date.now, random = Math.random }: KeeperDeps,
): Promise<Keeper> {
  const pace = { ...PACE, ...config.pace };
  if (config.volumes.length === 0) {
    throw new AppError('NO_VOLUMES', 'a keeper without volumes has nothing to keep', {
      disposition: 'fatal',
      remedy: 'Name the volumes of this machine in `volumes`, or run no keeper here.',
    });
  }
  await using opened = new AsyncDisposableStack();
  const { host, listen } = config;
  const index = opened.use(openIndex(config.index, log));
  const identity = createIndexIdentity(() => index.verifyIndex());
  const rhythm = { everyMs: pace.collectMs, firstMs: 0, jitter: 0.3, random, log };
  const asking = opened.use(startPeriodic(async () => void (await identity.ask()), { ...rhythm, name: 'index' }));

  // Begun here and waited for at the end: the volumes are read before NATS is there, and closed before it, to be able to say so.
  const link = opened.use(beginConnecting(config, log, signal));

  const volumes: KeptVolume[] = [];
  const checks = () => ({
    index: identity.known === null ? (asking.trouble ?? 'not asked yet') : asking.trouble,
    nats: link.nats === null ? 'not connected yet' : link.nats.state === 'connected' ? null : link.nats.state,
    volumes: volumes.some(({ proven }) => proven) ? null : 'no volume is proven',
  });
  const http = opened.use(
    await startKeeperHttp({
      listen,
      read: createReads({
        volumes: () => volumes.map(({ readable }) => readable),
        stallTimeoutMs: pace.readStallMs,
        onBroken: (keys) => log.warn(keys, 'a read broke off'),
      }),
      checks,
      describe: () => ({ host, index: identity.known, volumes: volumes.map((volume) => volume.describe()) }),
    }),
  );

  const { graceMs, floor, scrubMs, allowRemovals = 0 } = config;
  const url = config.url ?? reachableUrl(http.url, listen.host);
  for (const volume of config.volumes) {
    const options = { host, url, graceMs, floor, scrubMs, allowRemovals, ...pace };
    volumes.push(
      opened.use(
        await keepVolume(volume, options, {
          ledger: index,
          index: identity,
          announce: link.announce,
          log,
          now,
          random,
        }),
      ),
    );
  }
  const nats = await link.connected;
  await Promise.all(volumes.map((volume) => volume.announce()));
  log.info({ url: http.url, volumes: volumes.length }, 'keeper started');

  async function untilClosed(): Promise<void> {
    const error = await nats.closed;
    if (error !== null) throw error;
  }
  const ended = untilClosed();
  const owned = opened.move();
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= owned.disposeAsync());
  return { url: http.url, ended, checks, stop, [Symbol.asyncDispose]: stop };
}

/** What the operator can set; the rest is as it is. */
export function keeperConfigOf(configuration: Configuration): KeeperConfig {
  const { host, volumes, keeper } = configuration;
  const at = keeper.listen.lastIndexOf(':');
  return {
    host,
    volumes,
    listen: { host: keeper.listen.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(keeper.listen.slice(at + 1)) },
    ...(keeper.url === undefined ? {} : { url: keeper.url.replace(/\/$/, '') }),
    graceMs: keeper.graceS * 1_000,
    // The operator's number is the whole floor; 0 means none.
    floor: {
      minFreeBytes: keeper.freeFloorMb * MIB,
      minFreePercent: 0,
      minFreeInodes: keeper.freeFloorMb === 0 ? 0 : MIN_FREE_INODES,
    },
    scrubMs: keeper.scrubS * 1_000,
    nats: natsOptions(configuration, `keeper-${host}`),
    index: databaseOptions(configuration, `millrace keeper ${host}`),
  };
}

function createIndexIdentity(verify: () => Promise<string>): IndexIdentity {
  let known: string | null = null;
  return {
    get known() {
      return known;
    },
    ask: async () => (known = await verify()),
  };
}

function beginConnecting(config: KeeperConfig, log: Log, signal: AbortSignal) {
  const givenUp = new AbortController();
  let nats: Nats | null = null;
  const connecting = connectNats(config.nats, log, AbortSignal.any([signal, givenUp.signal]));
  const connected = connecting.then((connection) => (nats = connection));
  connected.catch(() => undefined); // told to whoever waits for it, which is later than it may fail
  return {
    connected,
    get nats() {
      return nats;
    },
    /** Before there is a connection nobody is told, and nobody waits. */
    announce: async (announcement: VolumeAnnouncement) => {
      if (nats !== null) await announceVolume(nats, announcement);
    },
    async [Symbol.asyncDispose]() {
      givenUp.abort();
      await Promise.allSettled([connected]);
      await nats?.close();
    },
  };
}

/** What is listened on everywhere has no address of its own to tell others. */
function reachableUrl(url: string, listenHost: string): string {
  if (listenHost !== '0.0.0.0' && listenHost !== '::') return url;
  throw new AppError('KEEPER_URL_MISSING', `the keeper listens on ${listenHost} and cannot know how others reach it`, {
    disposition: 'fatal',
    remedy: 'Set keeper.url to the URL at which gateways reach this host.',
  });
}
