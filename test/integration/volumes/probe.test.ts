import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MARKER_FILE } from '../../../workers/model/volume.ts';
import { createVolumeProbe, type VolumeReading } from '../../../workers/volumes/probe.ts';
import { tempDir } from '../../harness/temp-dir.ts';
import { cannotMount, mountTmpfs, realVolume } from './real-volume.ts';

const MIB = 2 ** 20;
const noFloor = { minFreeBytes: 0, minFreePercent: 0, minFreeInodes: 0 };
const told = ({ gate }: VolumeReading): string => (gate.state === 'open' ? 'open' : gate.reason);
const anything = () => ({ volumeId: null, indexId: null });

describe('probe', () => {
  test('a volume that takes a file is open, and the file is gone again', async () => {
    await using dir = await tempDir();
    const volume = await realVolume(dir.path);
    const reading = await createVolumeProbe(dir.path, () => volume, { floor: noFloor, timeoutMs: 5_000 }).check();
    assert.equal(told(reading), 'open');
    assert.ok(reading.freeBytes > 0);
    assert.deepEqual(await readdir(dir.path), [MARKER_FILE]);
  });

  test('I7: an unproven directory is not written to, not even to probe it', async () => {
    await using dir = await tempDir();
    let written = 0;
    const tryWriting = async () => void written++;
    const probe = createVolumeProbe(dir.path, anything, { floor: noFloor, timeoutMs: 5_000, tryWriting });
    assert.equal(told(await probe.check()), 'NO_MARKER');
    assert.equal(written, 0);
    const volume = await realVolume(dir.path);
    assert.equal(told(await probe.check()), 'open');
    assert.equal(written, 1);
    const other = createVolumeProbe(dir.path, () => ({ ...volume, indexId: 'other' }), {
      floor: noFloor,
      timeoutMs: 5_000,
      tryWriting,
    });
    assert.equal(told(await other.check()), 'WRONG_INDEX');
    assert.equal(written, 1);
  });

  test('below the floor the gate closes, and opens again by itself when there is room', {
    skip: cannotMount,
  }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using _mounted = await mountTmpfs(path, 'size=8m');
    await realVolume(path);
    const floor = { ...noFloor, minFreeBytes: 4 * MIB };
    const probe = createVolumeProbe(path, anything, { floor, timeoutMs: 5_000 });
    assert.equal(told(await probe.check()), 'open');
    await writeFile(join(path, 'ballast'), Buffer.alloc(5 * MIB));
    const short = await probe.check();
    assert.equal(told(short), 'NO_SPACE');
    assert.equal(short.proof.kind, 'proven', 'its reads go on');
    // Just above the floor is not enough for a gate that was closed; it would be for one that was open.
    await writeFile(join(path, 'ballast'), Buffer.alloc(4 * MIB - 200 * 1024));
    assert.equal(told(await probe.check()), 'NO_SPACE');
    assert.equal(told(await createVolumeProbe(path, anything, { floor, timeoutMs: 5_000 }).check()), 'open');
    await rm(join(path, 'ballast'));
    assert.equal(told(await probe.check()), 'open');
  });

  test('without a floor a full file system is told by writing to it', { skip: cannotMount }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using _mounted = await mountTmpfs(path, 'size=1m');
    await realVolume(path);
    const probe = createVolumeProbe(path, anything, { floor: noFloor, timeoutMs: 5_000 });
    await assert.rejects(writeFile(join(path, 'ballast'), Buffer.alloc(2 * MIB)), { code: 'ENOSPC' });
    assert.equal(told(await probe.check()), 'NO_SPACE');
    await rm(join(path, 'ballast'));
    assert.equal(told(await probe.check()), 'open');
  });

  test('no inodes left is no space left', { skip: cannotMount }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using _mounted = await mountTmpfs(path, 'size=1m,nr_inodes=20');
    await realVolume(path);
    const probe = createVolumeProbe(path, anything, { floor: { ...noFloor, minFreeInodes: 10 }, timeoutMs: 5_000 });
    assert.equal(told(await probe.check()), 'open');
    for (let at = 0; at < 12; at++) await writeFile(join(path, `file-${at}`), '');
    assert.equal(told(await probe.check()), 'NO_SPACE');
  });

  test('a volume mounted read-only is proven but takes nothing', { skip: cannotMount }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using mounted = await mountTmpfs(path, 'size=1m');
    await realVolume(path);
    const probe = createVolumeProbe(path, anything, { floor: noFloor, timeoutMs: 5_000 });
    await mounted.remount('ro');
    const reading = await probe.check();
    assert.equal(told(reading), 'READ_ONLY');
    assert.equal(reading.proof.kind, 'proven');
    await mounted.remount('rw');
    assert.equal(told(await probe.check()), 'open');
  });

  test('I7: the bare directory under a mount point that is gone is closed, though it could be written', {
    skip: cannotMount,
  }, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'volume');
    await using mounted = await mountTmpfs(path, 'size=1m');
    await realVolume(path);
    const probe = createVolumeProbe(path, anything, { floor: noFloor, timeoutMs: 5_000 });
    assert.equal(told(await probe.check()), 'open');
    await mounted.umount();
    assert.equal(told(await probe.check()), 'NO_MARKER');
    assert.deepEqual(await readdir(path), []);
  });

  test('a write that hangs closes the gate at its deadline, begins no second one, and opens it when it comes back', async () => {
    await using dir = await tempDir();
    await realVolume(dir.path);
    const hung = Promise.withResolvers<void>();
    let begun = 0;
    const tryWriting = () => (++begun === 1 ? hung.promise : Promise.resolve());
    const probe = createVolumeProbe(dir.path, anything, { floor: noFloor, timeoutMs: 30, tryWriting });
    const reading = await probe.check();
    assert.equal(told(reading), 'PROBE_FAILED');
    assert.equal(reading.proof.kind, 'proven', 'it can still be read');
    assert.equal(told(await probe.check()), 'PROBE_FAILED');
    assert.equal(begun, 1);
    hung.resolve();
    assert.equal(told(await probe.check()), 'open');
  });

  test('a write error of the device closes the gate with what it said', async () => {
    await using dir = await tempDir();
    await realVolume(dir.path);
    const tryWriting = () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    const { gate } = await createVolumeProbe(dir.path, anything, {
      floor: noFloor,
      timeoutMs: 5_000,
      tryWriting,
    }).check();
    assert.equal(gate.state === 'closed' && gate.reason, 'PROBE_FAILED');
    assert.match(gate.state === 'closed' ? gate.message : '', /i\/o error/);
  });
});
