// Reads once what keepers announce: for commands, which do not stay to watch.
import { Kvm } from '@nats-io/kv';
import { KV_BUCKETS } from '../model/subjects.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';
import { decodeAnnouncement } from './volume-announcement.ts';

/** Of each volume the announcement that counts, by volume id. What nobody announced lately is not among them. Rejects with a retry error. */
export async function announcedVolumes(nats: Nats): Promise<readonly VolumeAnnouncement[]> {
  try {
    const bucket = await new Kvm(nats.js).open(KV_BUCKETS.volumes);
    const newest = new Map<string, VolumeAnnouncement>();
    for await (const key of await bucket.keys()) {
      const entry = await bucket.get(key);
      if (entry === null || entry.operation !== 'PUT') continue;
      const announcement = decodeAnnouncement(entry.string());
      const known = newest.get(announcement.volumeId);
      if (known === undefined || known.mountEpoch <= announcement.mountEpoch)
        newest.set(announcement.volumeId, announcement);
    }
    return [...newest.values()].toSorted((a, b) => (a.volumeId < b.volumeId ? -1 : Number(a.volumeId > b.volumeId)));
  } catch (cause) {
    throw natsError(cause, 'reading the announcements of volumes');
  }
}
