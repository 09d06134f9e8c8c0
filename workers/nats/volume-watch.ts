// The bucket `volumes`: keepers announce their volumes there, everybody else knows from it which are open, also after NATS was away.
import { Kvm, type KvWatchEntry } from '@nats-io/kv';
import type { QueuedIterator } from 'nats';
import type { OpenVolume } from '../model/render.ts';
import { KV_BUCKETS, untoken, volumeKey } from '../model/subjects.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';
import type { Log } from '../platform/log.ts';
import { backoffMs } from '../platform/retry.ts';
import type { Nats } from './connect.ts';
import { createBell } from './deadline.ts';
import { natsError } from './errors.ts';
import { VOLUME_TTL_MS } from './jetstream-config.ts';
import { decodeAnnouncement } from './volume-announcement.ts';
import { createVolumeBoard } from './volume-board.ts';

/** To be repeated at least every 5 s: the server forgets it after 15. Rejects with a retry error while NATS is away; the next one tries again. */
export async function announceVolume(nats: Nats, announcement: VolumeAnnouncement): Promise<void> {
  const { volumeId, host } = announcement;
  try {
    const bucket = await new Kvm(nats.js).open(KV_BUCKETS.volumes);
    await bucket.put(volumeKey(volumeId, host), JSON.stringify(announcement));
  } catch (error) {
    throw natsError(error, `announcing volume ${volumeId}`);
  }
}

export interface WatchVolumesOptions {
  /** The configured name of this host. */
  readonly host: string;
  readonly indexId: string;
  readonly ttlMs?: number;
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

/** The pipeline's port Volumes, and more. Answers from memory. */
export interface VolumeWatch extends AsyncDisposable {
  openFor(tier: string): OpenVolume | null;
  openTiers(): readonly string[];
  doubt(volumeId: string, code: string): void;
  /** Every volume that somebody keeps, on whatever host: where its reads are served, whatever its gate says. */
  keepers(): readonly VolumeAnnouncement[];
  /** Called when another volume is open, or one is no more, until disposed. */
  onChange(listener: () => void): Disposable;
  stop(): Promise<void>;
}

const EXPIRY_LOOK_MS = 500;
const TROUBLE = { baseMs: 100, maxMs: 2_000 };

/** Resolves at once, knowing nothing; what is announced already comes within milliseconds of NATS being there. */
export async function watchVolumes(nats: Nats, options: WatchVolumesOptions, log: Log): Promise<VolumeWatch> {
  const { host, indexId, ttlMs = VOLUME_TTL_MS, nowMs = () => performance.now(), random = Math.random } = options;
  const board = createVolumeBoard({ host, indexId, ttlMs, nowMs });
  const bucket = await new Kvm(nats.hastyJs).open(KV_BUCKETS.volumes);
  const listeners = new Set<() => void>();
  const goBell = createBell();
  let entries: QueuedIterator<KvWatchEntry> | undefined;
  let openBefore = '';
  let heardMs = nowMs();
  let stopped: Promise<void> | undefined;
  const stopping = new AbortController();

  // The client would notice after ten seconds that its watch died with the server, and the second time after sixty.
  const lookAgain = () => {
    entries?.stop();
    goBell.ring();
  };
  const reconnected = nats.onReconnect(lookAgain);
  const ticking = setInterval(
    () => {
      tellChange();
      if (nowMs() - heardMs < ttlMs) return;
      heardMs = nowMs();
      lookAgain();
    },
    Math.min(EXPIRY_LOOK_MS, ttlMs / 2),
  );
  const watching = watch();

  async function watch(): Promise<void> {
    for (let troubles = 0; !stopping.signal.aborted; ) {
      try {
        entries = await bucket.watch();
        heardMs = nowMs();
        troubles = 0;
        if (stopping.signal.aborted) entries.stop();
        for await (const entry of entries) receive(entry);
      } catch (cause) {
        const error = natsError(cause, 'watching volumes');
        troubles += 1;
        if (troubles === 1) log.warn({ code: error.code, err: error }, 'volumes not watched, goes on trying');
        await goBell.wait(backoffMs(troubles, TROUBLE, random));
      } finally {
        entries = undefined;
      }
    }
  }

  function receive(entry: KvWatchEntry): void {
    heardMs = nowMs();
    if (entry.operation === 'PUT') {
      try {
        board.receive(decodeAnnouncement(entry.string()), entry.revision);
      } catch (err) {
        log.warn({ key: entry.key, err }, 'announcement of a volume not understood');
      }
    } else {
      const [volumeId = '', from = ''] = entry.key.split('.').map(untoken);
      board.withdraw(volumeId, from);
    }
    tellChange();
  }

  function tellChange(): void {
    const volumes = board.open();
    const open = volumes
      .map(({ volumeId, tier, path }) => JSON.stringify([volumeId, tier, path]))
      .toSorted(byText)
      .join();
    if (open === openBefore) return;
    openBefore = open;
    log.info({ volumes }, 'open volumes changed');
    for (const listener of listeners) listener();
  }

  async function end(): Promise<void> {
    stopping.abort();
    clearInterval(ticking);
    reconnected[Symbol.dispose]();
    lookAgain();
    await watching;
  }
  const stop = () => (stopped ??= end());
  return {
    openFor: (tier) => board.open().find((volume) => volume.tier === tier) ?? null,
    openTiers: () => [...new Set(board.open().map(({ tier }) => tier))],
    doubt(volumeId, code) {
      log.warn({ volume: volumeId, code }, 'volume doubted: waiting for its keeper to announce it anew');
      board.doubt(volumeId);
      tellChange();
    },
    keepers: () => board.keepers(),
    onChange(listener) {
      const own = () => listener();
      listeners.add(own);
      return { [Symbol.dispose]: () => void listeners.delete(own) };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
