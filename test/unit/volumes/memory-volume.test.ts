import { randomUUID } from 'node:crypto';
import { setDirectoriesContract } from '../../contract/set-directories.ts';
import { createMemoryVolume, setDirectoriesPort } from '../../simulation/twins/memory-volume.ts';
import { atOnce } from '../../simulation/twins/sync.ts';

setDirectoriesContract('in memory', async () => {
  const [volumeId, indexId] = [randomUUID(), randomUUID()];
  let nowMs = 1_000_000_000;
  const volume = createMemoryVolume(volumeId, 'default', indexId, () => nowMs);
  return {
    directories: setDirectoriesPort(volume, atOnce),
    volumeId,
    indexId,
    async make(setId, files) {
      volume.mkdir(setId);
      for (const file of files) volume.write(setId, file, 'x');
    },
    has: async (setId) => volume.has(setId),
    async advance(ms) {
      nowMs += ms;
    },
    async mark(marker) {
      volume.marker = marker;
    },
    close: async () => undefined,
  };
});
