// A volume in memory: directories of sets with their files and their age. What a crashed renderer left half written stays half written.
import { FACTS_FILE } from '../../../workers/model/rendition-set.ts';
import { AppError } from '../../../workers/platform/errors.ts';
import type { FoundSet, SetDirectories } from '../../../workers/pipeline/ports.ts';
import type { Suspend } from './sync.ts';

export interface MemoryVolume {
  readonly volumeId: string;
  readonly tier: string;
  /** Every method of the keeper proves the volume first. */
  marker: { volumeId: string; indexId: string } | null;
  mkdir(setId: string): void;
  /** Rejects with ENOENT where the directory is gone: somebody removed it under the writer. */
  write(setId: string, file: string, content: string): void;
  read(setId: string, file: string): string | null;
  remove(setId: string): void;
  has(setId: string): boolean;
  files(setId: string): ReadonlyMap<string, string>;
  setIds(): string[];
  found(setId: string): FoundSet | null;
  prove(): void;
}

interface Directory {
  readonly files: Map<string, string>;
  changedAtMs: number;
}

export function createMemoryVolume(volumeId: string, tier: string, indexId: string, now: () => number): MemoryVolume {
  const directories = new Map<string, Directory>();
  const volume: MemoryVolume = {
    volumeId,
    tier,
    marker: { volumeId, indexId },
    mkdir(setId) {
      if (!directories.has(setId)) directories.set(setId, { files: new Map(), changedAtMs: now() });
    },
    write(setId, file, content) {
      const directory = directories.get(setId);
      if (directory === undefined) throw new AppError('ENOENT', `no directory ${setId}`);
      directory.files.set(file, content);
      directory.changedAtMs = now();
    },
    read: (setId, file) => directories.get(setId)?.files.get(file) ?? null,
    remove(setId) {
      directories.delete(setId);
    },
    has: (setId) => directories.has(setId),
    files: (setId) => directories.get(setId)?.files ?? new Map(),
    setIds: () => [...directories.keys()],
    found(setId) {
      const directory = directories.get(setId);
      if (directory === undefined) return null;
      return { setId, ageMs: now() - directory.changedAtMs, complete: directory.files.has(FACTS_FILE) };
    },
    prove() {
      if (volume.marker?.volumeId !== volumeId)
        throw new AppError('WRONG_VOLUME', `this is not the volume ${volumeId}`);
      if (volume.marker.indexId !== indexId) throw new AppError('WRONG_INDEX', `${volumeId} belongs to another index`);
    },
  };
  return volume;
}

/** The keeper's port. A listing sees each directory at another moment, as a real one does. */
export function setDirectoriesPort(volume: MemoryVolume, suspend: Suspend): SetDirectories {
  return {
    async *list() {
      const setIds = await suspend('directories.list', () => {
        volume.prove();
        return volume.setIds();
      });
      for (const setId of setIds) {
        const found = await suspend('directories.list one', () => volume.found(setId));
        if (found !== null) yield found;
      }
    },
    remove: (setId) =>
      suspend('directories.remove', () => {
        volume.prove();
        volume.remove(setId);
      }),
  };
}
