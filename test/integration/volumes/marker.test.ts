import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MARKER_FILE } from '../../../workers/model/volume.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { proveVolume, readMarker, writeMarker } from '../../../workers/volumes/marker.ts';
import { provisionVolume } from '../../../workers/volumes/provision.ts';
import { tempDir } from '../../harness/temp-dir.ts';

const marker = { v: 1, volumeId: 'volume-1', indexId: 'index-1' } as const;

describe('marker', () => {
  test('what was written is read back, and nothing else is left', async () => {
    await using dir = await tempDir();
    assert.equal(await readMarker(dir.path), null);
    await writeMarker(dir.path, marker);
    await writeMarker(dir.path, marker);
    assert.deepEqual(await readMarker(dir.path), marker);
    assert.deepEqual(await readdir(dir.path), [MARKER_FILE]);
  });

  test('I7: the marker of another volume or index is replaced only when told so', async () => {
    await using dir = await tempDir();
    await writeMarker(dir.path, marker);
    for (const other of [
      { ...marker, volumeId: 'volume-2' },
      { ...marker, indexId: 'index-2' },
    ]) {
      await assert.rejects(writeMarker(dir.path, other), (error) => isAppError(error, 'MARKER_EXISTS'));
    }
    assert.deepEqual(await readMarker(dir.path), marker);
    await writeMarker(dir.path, { ...marker, indexId: 'index-2' }, { replace: true });
    assert.equal((await readMarker(dir.path))?.indexId, 'index-2');
    assert.deepEqual(await readdir(dir.path), [MARKER_FILE]);
  });

  test('of two that write at once one wins and the other is told', async () => {
    await using dir = await tempDir();
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c'].map((volumeId) => writeMarker(dir.path, { ...marker, volumeId })),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  const proofs: readonly [string, { volumeId: string | null; indexId: string | null }, string][] = [
    ['the volume and the index expected are proven', { volumeId: 'volume-1', indexId: 'index-1' }, 'proven'],
    ['with nothing expected the marker is taken at its word', { volumeId: null, indexId: null }, 'proven'],
    ['another volume is told', { volumeId: 'volume-2', indexId: 'index-1' }, 'WRONG_VOLUME'],
    ['another index is told', { volumeId: 'volume-1', indexId: 'index-2' }, 'WRONG_INDEX'],
  ];
  for (const [title, expected, answer] of proofs) {
    test(`I7: ${title}`, async () => {
      await using dir = await tempDir();
      await writeMarker(dir.path, marker);
      const proof = await proveVolume(dir.path, expected);
      assert.equal(proof.kind === 'proven' ? 'proven' : proof.reason, answer);
    });
  }

  test('I7: no directory, no marker, and a marker that is none of ours prove nothing', async () => {
    await using dir = await tempDir();
    const expected = { volumeId: null, indexId: null };
    const reason = async (path: string) => {
      const proof = await proveVolume(path, expected);
      return proof.kind === 'unproven' && proof.reason;
    };
    assert.equal(await reason(join(dir.path, 'nowhere')), 'NO_MARKER');
    assert.equal(await reason(dir.path), 'NO_MARKER');
    for (const text of [
      '',
      '{',
      '{"v":2,"volumeId":"a","indexId":"b"}',
      '{"v":1,"volumeId":"","indexId":"b"}',
      'null',
    ]) {
      await writeFile(join(dir.path, MARKER_FILE), text);
      assert.equal(await reason(dir.path), 'WRONG_VOLUME', text);
    }
  });
});

describe('provisioning a volume', () => {
  const tier = 'default';

  test('an absent directory is made, and the second time nothing changes', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'deep', 'er', 'volume');
    const first = await provisionVolume({ path, tier }, 'index-1');
    assert.equal(first.changes.length, 2);
    const second = await provisionVolume({ path, tier }, 'index-1');
    assert.deepEqual(second, { volumeId: first.volumeId, changes: [] });
    assert.deepEqual(await readMarker(path), { v: 1, volumeId: first.volumeId, indexId: 'index-1' });
  });

  test('lost+found and the draft of a killed provision do not make a directory somebody else’s', async () => {
    await using dir = await tempDir();
    await mkdir(join(dir.path, 'lost+found'));
    await writeFile(join(dir.path, `${MARKER_FILE}.1234`), '{"v":1,"vol');
    const { changes } = await provisionVolume({ path: dir.path, tier }, 'index-1');
    assert.equal(changes.length, 1);
  });

  test('a directory with something in it and no marker is refused and left as it was', async () => {
    await using dir = await tempDir();
    await writeFile(join(dir.path, 'thesis.tex'), 'mine');
    await assert.rejects(provisionVolume({ path: dir.path, tier }, 'index-1'), (error) =>
      isAppError(error, 'VOLUME_NOT_EMPTY'),
    );
    assert.deepEqual(await readdir(dir.path), ['thesis.tex']);
  });

  test('a volume of another index is refused, and taken over only when told so, with its id', async () => {
    await using dir = await tempDir();
    const { volumeId } = await provisionVolume({ path: dir.path, tier }, 'index-1');
    const before = await readFile(join(dir.path, MARKER_FILE), 'utf8');
    await assert.rejects(provisionVolume({ path: dir.path, tier }, 'index-2'), (error) =>
      isAppError(error, 'VOLUME_OF_ANOTHER_INDEX'),
    );
    assert.equal(await readFile(join(dir.path, MARKER_FILE), 'utf8'), before);
    const taken = await provisionVolume({ path: dir.path, tier }, 'index-2', { takeOver: true });
    assert.equal(taken.volumeId, volumeId);
    assert.equal((await readMarker(dir.path))?.indexId, 'index-2');
  });
});
