// A set on the volume: complete when facts.json stands, and never written where volume and index are not proven (I7).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderPicture } from '../../../workers/imaging/steps.ts';
import { writeSet } from '../../../workers/imaging/write-set.ts';
import { FACTS_FILE, setDirectory, type SetFacts } from '../../../workers/model/rendition-set.ts';
import { MARKER_FILE } from '../../../workers/model/volume.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { makeJob, makeVolume, quadrants, wish } from './harness.ts';

const NO_STORE = { url: 'http://127.0.0.1:9' };
const PICTURE = await renderPicture(await quadrants(400, 300), wish(), async () => {});
const withCode = (code: string) => (error: unknown) => isAppError(error, code);

test('files and facts say the same, and facts.json is the last', async () => {
  await using volume = await makeVolume();
  const job = makeJob(NO_STORE, volume, 1234);
  const written: string[] = [];
  const renditions = await writeSet(job, PICTURE, { written: (file) => void written.push(file) });

  const directory = join(volume.path, setDirectory(job.setId));
  assert.deepEqual((await readdir(directory)).sort(), [FACTS_FILE, 'large.webp', 'medium.webp', 'thumb.webp']);
  assert.equal(written.at(-1), FACTS_FILE);
  for (const { file, bytes, sha256 } of renditions) {
    const data = await readFile(join(directory, file));
    assert.deepEqual([data.length, createHash('sha256').update(data).digest('hex')], [bytes, sha256]);
  }
  const facts: SetFacts = JSON.parse(await readFile(join(directory, FACTS_FILE), 'utf8'));
  assert.deepEqual(facts, {
    v: 1,
    setId: job.setId,
    indexId: job.indexId,
    ref: job.ref,
    version: job.version,
    fingerprint: job.desired.fingerprint,
    damaged: false,
    metadata: PICTURE.metadata,
    renditions,
  });
});

test('sets share their parents', async () => {
  await using volume = await makeVolume();
  const ids = ['aa', 'ab', 'ac'].map((head) => `0000${head}00-0000-7000-8000-00000000abcd`);
  await Promise.all(ids.map((setId) => writeSet(makeJob(NO_STORE, volume, 1, { setId }), PICTURE)));
  assert.deepEqual((await readdir(join(volume.path, 'ab', 'cd'))).sort(), ids);
});

test('I7: another volume, another index, no marker or half a marker: nothing is written', async () => {
  await using volume = await makeVolume();
  const marker = await readFile(join(volume.path, MARKER_FILE));
  const untouched = async () => assert.deepEqual(await readdir(volume.path), [MARKER_FILE]);

  await assert.rejects(
    writeSet(makeJob(NO_STORE, { ...volume, volumeId: randomUUID() }, 1), PICTURE),
    withCode('WRONG_VOLUME'),
  );
  await assert.rejects(
    writeSet(makeJob(NO_STORE, { ...volume, indexId: randomUUID() }, 1), PICTURE),
    withCode('WRONG_INDEX'),
  );
  await writeFile(join(volume.path, MARKER_FILE), marker.subarray(0, 20));
  await assert.rejects(writeSet(makeJob(NO_STORE, volume, 1), PICTURE), withCode('WRONG_VOLUME'));
  await untouched();
  await rm(join(volume.path, MARKER_FILE));
  await assert.rejects(writeSet(makeJob(NO_STORE, volume, 1), PICTURE), withCode('NO_MARKER'));
  assert.deepEqual(await readdir(volume.path), []);
});

test('a directory that is not there is no volume, and is not made', async () => {
  await using volume = await makeVolume();
  const path = join(volume.path, 'unmounted');
  await assert.rejects(writeSet(makeJob(NO_STORE, { ...volume, path }, 1), PICTURE), withCode('NO_MARKER'));
});

test("a set's directory is never written twice", async () => {
  await using volume = await makeVolume();
  const job = makeJob(NO_STORE, volume, 1);
  await writeSet(job, PICTURE);
  await assert.rejects(writeSet(job, PICTURE), withCode('EEXIST'));
});

const isRoot = process.getuid?.() === 0;

test('a volume that may not be written to', { skip: isRoot ? 'root may write everywhere' : false }, async () => {
  await using volume = await makeVolume();
  await chmod(volume.path, 0o500);
  try {
    await assert.rejects(writeSet(makeJob(NO_STORE, volume, 1), PICTURE), withCode('EACCES'));
  } finally {
    await chmod(volume.path, 0o700);
  }
});

/** Undefined where we may not mount. */
async function mountTmpfs(options: string): Promise<({ path: string } & AsyncDisposable) | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-tmpfs-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', path], { stdio: 'ignore' });
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['--lazy', path]);
      await rm(path, { recursive: true });
    },
  };
}

test('ENOSPC and EROFS have their codes', async (t) => {
  await using mounted = await mountTmpfs('size=8k');
  if (mounted === undefined) return t.skip('needs the right to mount a tmpfs');
  await using volume = await makeVolume(mounted.path);
  await assert.rejects(writeSet(makeJob(NO_STORE, volume, 1), PICTURE), withCode('ENOSPC'));
  execFileSync('mount', ['-o', 'remount,ro', mounted.path]);
  await assert.rejects(writeSet(makeJob(NO_STORE, volume, 1), PICTURE), withCode('EROFS'));
  execFileSync('mount', ['-o', 'remount,rw', mounted.path]);
});

test('I7: another file system that is mounted over the volume while it is written is noticed', async (t) => {
  await using volume = await makeVolume();
  const job = makeJob(NO_STORE, volume, 1);
  let mounted = false;
  const mountOver = () => {
    if (mounted) return;
    try {
      execFileSync('mount', ['-t', 'tmpfs', 'none', volume.path], { stdio: 'ignore' });
      mounted = true;
      execFileSync('mkdir', ['-p', join(volume.path, setDirectory(job.setId))]);
    } catch {
      t.skip('needs the right to mount a tmpfs');
    }
  };
  try {
    const result = writeSet(job, PICTURE, { written: mountOver });
    await (isRoot ? assert.rejects(result, withCode('WRONG_VOLUME')) : result);
  } finally {
    if (mounted) execFileSync('umount', ['--lazy', volume.path]);
  }
});
