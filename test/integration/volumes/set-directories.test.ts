import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FACTS_FILE, setDirectory } from '../../../workers/model/rendition-set.ts';
import { MARKER_FILE } from '../../../workers/model/volume.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { writeMarker } from '../../../workers/volumes/marker.ts';
import { createSetDirectories } from '../../../workers/volumes/set-directories.ts';
import { setDirectoriesContract } from '../../contract/set-directories.ts';
import { eventually } from '../../harness/eventually.ts';
import { tempDir } from '../../harness/temp-dir.ts';
import { cannotMount, mountTmpfs, realVolume } from './real-volume.ts';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

setDirectoriesContract('on a real directory', async () => {
  const path = await mkdtemp(join(tmpdir(), 'millrace-test-'));
  const volume = await realVolume(path);
  let passedMs = 0;
  // Change times cannot be set, so it is the clock that moves: what is made later seems younger by what has passed meanwhile.
  const madeAt = new Map<string, number>();
  const directories = createSetDirectories(path, volume, { now: () => Date.now() });
  return {
    directories: {
      remove: directories.remove,
      async *list() {
        for await (const set of directories.list())
          yield { ...set, ageMs: set.ageMs + passedMs - (madeAt.get(set.setId) ?? 0) };
      },
    },
    volumeId: volume.volumeId,
    indexId: volume.indexId,
    async make(setId, files) {
      madeAt.set(setId, passedMs);
      await volume.make(setId, files);
    },
    has: (setId) => exists(join(path, setDirectory(setId))),
    async advance(ms) {
      passedMs += ms;
    },
    async mark(marker) {
      if (marker === null) await rm(join(path, MARKER_FILE));
      else await writeMarker(path, { v: 1, ...marker }, { replace: true });
    },
    close: () => rm(path, { recursive: true }),
  };
});

describe('set directories on a real volume', () => {
  test('what is none of ours is left alone and told of', async () => {
    await using dir = await tempDir();
    const volume = await realVolume(dir.path);
    const setId = randomUUID();
    await volume.make(setId, ['large.webp', FACTS_FILE]);
    const misplaced = randomUUID();
    const shard = join(dir.path, setDirectory(setId), '..');
    await mkdir(join(dir.path, 'lost+found'));
    await mkdir(join(dir.path, 'holiday'));
    await writeFile(join(dir.path, 'notes.txt'), 'mine');
    await mkdir(join(shard, `${misplaced.slice(0, -4)}zzzz`));
    await symlink('/etc', join(shard, `link-${misplaced}`));
    const strangers: string[] = [];
    const directories = createSetDirectories(dir.path, volume, {
      now: Date.now,
      onStranger: (path) => strangers.push(path),
    });
    const found: string[] = [];
    for await (const set of directories.list()) found.push(set.setId);
    assert.deepEqual(found, [setId]);
    assert.equal(strangers.length, 4);
    assert.deepEqual((await readdir(dir.path)).length, 5);
  });

  test('a set in the wrong place is no set of ours', async () => {
    await using dir = await tempDir();
    const volume = await realVolume(dir.path);
    const setId = `${randomUUID().slice(0, -4)}abcd`;
    await mkdir(join(dir.path, 'ab', 'ce', setId), { recursive: true });
    const directories = createSetDirectories(dir.path, volume, { now: Date.now });
    for await (const set of directories.list()) assert.fail(`listed ${set.setId}`);
  });

  test('age counts the newest file of a set that has no facts yet', async () => {
    await using dir = await tempDir();
    const volume = await realVolume(dir.path);
    const setId = randomUUID();
    const path = await volume.make(setId, ['large.webp', 'medium.webp']);
    // The kernel stamps by its tick: written until the file is newer than its directory.
    const newest = await eventually(async () => {
      await writeFile(join(path, 'large.webp'), 'more of it'); // changes the file, not the directory
      const changedMs = (await stat(join(path, 'large.webp'))).ctimeMs;
      return changedMs > (await stat(path)).ctimeMs ? changedMs : null;
    });
    const directories = createSetDirectories(dir.path, volume, { now: () => newest + 60_000 });
    const ages: number[] = [];
    for await (const set of directories.list()) ages.push(set.ageMs);
    assert.deepEqual(ages, [60_000]);
  });

  test('a link in the place of a set is removed without touching what it points to', async () => {
    await using dir = await tempDir();
    await using elsewhere = await tempDir();
    await writeFile(join(elsewhere.path, FACTS_FILE), 'precious');
    const volume = await realVolume(dir.path);
    const setId = randomUUID();
    const path = join(dir.path, setDirectory(setId));
    await mkdir(join(path, '..'), { recursive: true });
    await symlink(elsewhere.path, path);
    await createSetDirectories(dir.path, volume, { now: Date.now }).remove(setId);
    assert.equal(await exists(path), false);
    assert.equal(await exists(join(elsewhere.path, FACTS_FILE)), true);
  });

  test('a name that is no set id is refused before anything is touched', async () => {
    await using dir = await tempDir();
    const volume = await realVolume(dir.path);
    const directories = createSetDirectories(dir.path, volume, { now: Date.now });
    for (const name of ['..', '../..', '', MARKER_FILE, `${randomUUID()}/..`]) {
      await assert.rejects(directories.remove(name), (error) => isAppError(error, 'SET_NOT_REMOVED'));
    }
    assert.deepEqual(await readdir(dir.path), [MARKER_FILE]);
  });

  test('I7: a volume that is unmounted under it is not taken for an empty one', { skip: cannotMount }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using mounted = await mountTmpfs(path, 'size=4m');
    const volume = await realVolume(path);
    const sets = Array.from({ length: 40 }, () => randomUUID());
    for (const setId of sets) await volume.make(setId, [FACTS_FILE]);
    const directories = createSetDirectories(path, volume, { now: Date.now });
    let seen = 0;
    await assert.rejects(
      async () => {
        for await (const _ of directories.list()) if (++seen === 1) await mounted.umount();
      },
      (error) => isAppError(error, 'NO_MARKER'),
    );
    await assert.rejects(directories.remove(sets[0] ?? ''), (error) => isAppError(error, 'NO_MARKER'));
  });

  test('I7: another mount is another volume to it, even under the same marker', { skip: cannotMount }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    const volume = await realVolume(path);
    const setId = randomUUID();
    await volume.make(setId, [FACTS_FILE]);
    const directories = createSetDirectories(path, volume, { now: Date.now });
    for await (const _ of directories.list());
    await using _mounted = await mountTmpfs(path, 'size=1m');
    await writeMarker(path, { v: 1, volumeId: volume.volumeId, indexId: volume.indexId });
    await assert.rejects(directories.remove(setId), (error) => isAppError(error, 'WRONG_VOLUME'));
  });

  test('a directory that the file system will not let go says so by its code', { skip: cannotMount }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using mounted = await mountTmpfs(path, 'size=1m');
    const volume = await realVolume(path);
    const setId = randomUUID();
    await volume.make(setId, [FACTS_FILE]);
    await mounted.remount('ro');
    await assert.rejects(createSetDirectories(path, volume, { now: Date.now }).remove(setId), (error) => {
      return isAppError(error, 'SET_NOT_REMOVED') && error.details['cause'] === 'EROFS';
    });
    await mounted.remount('rw');
  });
});
