// The volumes of a host as their keepers announce them.
import { Kvm } from '@nats-io/kv';
import type { OpenVolume } from '../model/render.ts';
import { KV_BUCKETS, volumeKey } from '../model/subjects.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';
import type { Log } from '../platform/log.ts';
import type { Nats } from './connect.ts';

export async function announceVolume(nats: Nats, announcement: VolumeAnnouncement): Promise<void> {
  const kv = await new Kvm(nats.js).open(KV_BUCKETS.volumes);
  await kv.put(volumeKey(announcement.volumeId, announcement.host), JSON.stringify(announcement));
}

export async function watchVolumes(nats: Nats, { host, indexId }: { host: string; indexId: string }, _log: Log) {
  const kv = await new Kvm(nats.js).open(KV_BUCKETS.volumes);
  const known = new Map<string, { a: VolumeAnnouncement; at: number; doubted: boolean }>();
  const listeners = new Set<() => void>();
  const iterator = await kv.watch();
  void (async () => {
    for await (const entry of iterator) {
      if (entry.operation !== 'PUT') continue;
      const a = entry.json<VolumeAnnouncement>();
      known.set(entry.key, { a, at: performance.now(), doubted: false });
      for (const listener of listeners) listener();
    }
  })();
  const open = (): OpenVolume[] =>
    [...known.values()].flatMap(({ a, at, doubted }) =>
      !doubted && a.host === host && a.indexId === indexId && a.gate.state === 'open' && performance.now() - at < 15_000
        ? [{ volumeId: a.volumeId, tier: a.tier, path: a.path }]
        : [],
    );
  return {
    openFor: (tier: string) => open().find((v) => v.tier === tier) ?? null,
    openTiers: () => [...new Set(open().map(({ tier }) => tier))],
    doubt: (volumeId: string) => {
      for (const k of known.values()) if (k.a.volumeId === volumeId) k.doubted = true;
    },
    onChange: (listener: () => void): Disposable => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    [Symbol.dispose]: () => iterator.stop(),
  };
}
