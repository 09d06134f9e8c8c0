// What is known of all volumes from their announcements: which of them may be written to on this host, now. Pure but for its clock.
import type { OpenVolume } from '../model/render.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';

export interface VolumeBoardOptions {
  readonly host: string;
  readonly indexId: string;
  /** After so long without a new announcement the last one counts for nothing. */
  readonly ttlMs: number;
  /** Monotonic: the clocks of two hosts are not compared, and a clock that is set back keeps nothing alive. */
  readonly nowMs: () => number;
}

export interface VolumeBoard {
  /** `revision` grows with every announcement; one that was received already does not become younger by being received again. */
  receive(announcement: VolumeAnnouncement, revision: number): void;
  withdraw(volumeId: string, host: string): void;
  /** Not open before an announcement newer than the one known now. */
  doubt(volumeId: string): void;
  /** On this host, proven to be ours, its gate open; the emptiest first. */
  open(): readonly OpenVolume[];
  /** The keeper of every volume, on whatever host, whatever its gate. */
  keepers(): readonly VolumeAnnouncement[];
}

interface Entry {
  readonly announcement: VolumeAnnouncement;
  readonly revision: number;
  readonly receivedMs: number;
}

export function createVolumeBoard({ host, indexId, ttlMs, nowMs }: VolumeBoardOptions): VolumeBoard {
  const volumes = new Map<string, Map<string, Entry>>();
  const doubted = new WeakSet<Entry>();

  function isAlive({ receivedMs }: Entry): boolean {
    return receivedMs > nowMs() - ttlMs;
  }

  /** Where two hosts announce one volume, the one that mounted it last has it. */
  function present(): Entry[] {
    return Array.from(volumes.values()).flatMap((byHost) => {
      const alive = Array.from(byHost.values()).filter(isAlive);
      const newest = alive.toSorted(
        (a, b) => b.announcement.mountEpoch - a.announcement.mountEpoch || b.revision - a.revision,
      )[0];
      return newest ?? [];
    });
  }

  function isOpen(entry: Entry): boolean {
    const { announcement } = entry;
    return (
      announcement.host === host &&
      announcement.indexId === indexId &&
      announcement.gate.state === 'open' &&
      !doubted.has(entry)
    );
  }

  return {
    receive(announcement, revision) {
      const byHost = volumes.get(announcement.volumeId) ?? new Map<string, Entry>();
      const known = byHost.get(announcement.host);
      // In a bucket that was made anew the revisions begin again: one that counts for nothing any more forbids nothing.
      if (known !== undefined && known.revision >= revision && isAlive(known)) return;
      byHost.set(announcement.host, { announcement, revision, receivedMs: nowMs() });
      volumes.set(announcement.volumeId, byHost);
    },
    withdraw(volumeId, fromHost) {
      volumes.get(volumeId)?.delete(fromHost);
    },
    doubt(volumeId) {
      const known = volumes.get(volumeId)?.get(host);
      if (known !== undefined) doubted.add(known);
    },
    open() {
      return present()
        .filter(isOpen)
        .toSorted((a, b) => b.announcement.freeBytes - a.announcement.freeBytes)
        .map(({ announcement: { volumeId, tier, path } }) => ({ volumeId, tier, path }));
    },
    keepers: () => present().map(({ announcement }) => announcement),
  };
}
