// The in-memory twins pass the contract suites of the real adapters: what the simulation proves, it proves of ports that behave like those.
import type { Index, SetLedger } from '../../workers/pipeline/ports.ts';
import { indexContract } from '../contract/index.ts';
import { objectsContract } from '../contract/objects.ts';
import { setDirectoriesContract } from '../contract/set-directories.ts';
import { createMemoryIndex } from './twins/memory-index.ts';
import { createMemoryObjects, objectsPort } from './twins/memory-objects.ts';
import { createMemoryVolume, setDirectoriesPort } from './twins/memory-volume.ts';
import { atOnce, promised } from './twins/sync.ts';

const START_MS = 1_760_000_000_000;

/** Stands still but for `advance`. */
function createClock() {
  let nowMs = START_MS;
  return {
    now: () => nowMs,
    advance: async (ms: number) => {
      nowMs += ms;
    },
  };
}

indexContract('in memory', async () => {
  const { now, advance } = createClock();
  const { index, ledger } = createMemoryIndex(now);
  const port: Index & SetLedger = { ...promised<Index>(index), ...promised<SetLedger>(ledger) };
  return { index: port, advance, close: async () => undefined };
});

objectsContract('in memory', async () => {
  const memory = createMemoryObjects(createClock().now);
  return {
    objects: objectsPort(memory, atOnce),
    async put(ref, body, options) {
      memory.put(ref, body, options);
    },
    async remove(ref) {
      memory.remove(ref);
    },
    async wipeBucket(bucket) {
      memory.wipeBucket(bucket);
    },
    async tag(bucket, sourceId) {
      memory.tag(bucket, sourceId);
    },
    async fetch(download) {
      const { status, body } = memory.fetch(download);
      return { status, body };
    },
    close: async () => undefined,
  };
});

setDirectoriesContract('in memory', async () => {
  const { now, advance } = createClock();
  const volume = createMemoryVolume('volume-1', 'hot', 'index-1', now);
  return {
    directories: setDirectoriesPort(volume, atOnce),
    volumeId: 'volume-1',
    indexId: 'index-1',
    async make(setId, files) {
      volume.mkdir(setId);
      for (const file of files) volume.write(setId, file, 'x');
    },
    has: async (setId) => volume.has(setId),
    advance,
    async mark(marker) {
      volume.marker = marker;
    },
    close: async () => undefined,
  };
});
