// Volumes announced by keepers and known by everybody, through the real bucket.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nanos } from 'nats';
import type { VolumeAnnouncement } from '../../../workers/model/volume.ts';
import { announceVolume, type VolumeWatch, watchVolumes } from '../../../workers/nats/volume-watch.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { type Room, startRoom } from './room.ts';

function announcement(over: Partial<VolumeAnnouncement> = {}): VolumeAnnouncement {
  return {
    v: 1,
    volumeId: 'v1',
    host: 'here',
    tier: 'default',
    path: '/volumes/v1',
    url: 'http://here:9410',
    indexId: 'index',
    freeBytes: 1_000,
    gate: { state: 'open' },
    mountEpoch: 1,
    ...over,
  };
}

function watch(room: Room, over: { readonly ttlMs?: number } = {}): Promise<VolumeWatch> {
  return watchVolumes(room.nats, { host: 'here', indexId: 'index', ...over }, room.log);
}

test('what is announced is known within moments, also to whoever comes later', async () => {
  await using room = await startRoom();
  const keeper = await room.connect('keeper');
  await using early = await watch(room);
  let changes = 0;
  using _told = early.onChange(() => void (changes += 1));
  assert.deepEqual(early.openTiers(), []);
  await announceVolume(keeper, announcement({ volumeId: 'älter.v1' }));
  await eventually(() => early.openFor('default')?.volumeId === 'älter.v1');
  assert.equal(changes, 1);
  await announceVolume(keeper, announcement({ volumeId: 'älter.v1', freeBytes: 10 }));
  await announceVolume(keeper, announcement({ volumeId: 'v2', tier: 'fast' }));
  await eventually(() => early.openTiers().length === 2);
  assert.equal(changes, 2);
  await using late = await watch(room);
  await eventually(() => late.openTiers().length === 2);
  assert.deepEqual(late.openFor('fast'), { volumeId: 'v2', tier: 'fast', path: '/volumes/v1' });
  assert.equal(late.openFor('slow'), null);
  assert.deepEqual(
    late.keepers().map(({ volumeId }) => volumeId),
    ['älter.v1', 'v2'],
  );
});

test('a keeper that falls silent is forgotten, here and on the server', async () => {
  await using room = await startRoom();
  await room.nats.manager.streams.update('KV_volumes', { max_age: nanos(600), duplicate_window: nanos(600) });
  await using volumes = await watch(room, { ttlMs: 600 });
  let changes = 0;
  using _told = volumes.onChange(() => void (changes += 1));
  await announceVolume(room.nats, announcement());
  await eventually(() => volumes.openFor('default') !== null);
  await eventually(() => changes === 2 && volumes.openFor('default') === null, { timeoutMs: 3_000 });
  await eventually(async () => (await room.nats.manager.streams.info('KV_volumes')).state.messages === 0);
});

test('after NATS was killed announcements are heard again, twice over', async () => {
  await using room = await startRoom();
  const keeper = await room.connect('keeper');
  await using volumes = await watch(room);
  for (const epoch of [2, 3]) {
    await room.server.kill9();
    await eventually(() => room.nats.state === 'reconnecting');
    await room.server.restart();
    await eventually(() => room.nats.state === 'connected' && keeper.state === 'connected');
    // One that is lost on the way is repeated with the keeper's next round.
    await eventually(async () => {
      try {
        await announceVolume(keeper, announcement({ mountEpoch: epoch }));
      } catch (error) {
        if (!isAppError(error)) throw error;
        return false;
      }
      return true;
    });
    await eventually(() => volumes.keepers()[0]?.mountEpoch === epoch, { timeoutMs: 4_000 });
  }
});

test('an announcement is not made while NATS does not answer, and says so', async () => {
  await using room = await startRoom();
  room.server.pause();
  await assert.rejects(announceVolume(room.nats, announcement()), { code: 'NATS_TIMEOUT', disposition: 'retry' });
  room.server.resume();
});

test('a bucket that is not there is waited for', async () => {
  await using room = await startRoom();
  const { streams } = room.nats.manager;
  const { config } = await streams.info('KV_volumes');
  await streams.delete('KV_volumes');
  await using volumes = await watch(room);
  await eventually(() =>
    room.lines.some(({ msg, code }) => msg.startsWith('volumes not watched') && code === 'STREAM_MISSING'),
  );
  await streams.add(config);
  await announceVolume(room.nats, announcement());
  await eventually(() => volumes.openFor('default') !== null);
});

test('what is no announcement is logged and changes nothing; a deleted key is a volume less', async () => {
  await using room = await startRoom();
  await using volumes = await watch(room);
  await announceVolume(room.nats, announcement());
  await room.nats.js.publish('$KV.volumes.v1.elsewhere', '{"v":2}');
  await eventually(() => room.lines.some(({ msg }) => msg === 'announcement of a volume not understood'));
  assert.equal(volumes.openFor('default')?.volumeId, 'v1');
  const { Kvm } = await import('@nats-io/kv');
  await (await new Kvm(room.nats.js).open('volumes')).delete('v1.here');
  await eventually(() => volumes.openFor('default') === null);
});

test('a doubted volume is closed until its keeper announces it anew', async () => {
  await using room = await startRoom();
  await using volumes = await watch(room);
  await announceVolume(room.nats, announcement());
  await eventually(() => volumes.openFor('default') !== null);
  volumes.doubt('v1', 'ENOSPC');
  assert.equal(volumes.openFor('default'), null);
  await announceVolume(room.nats, announcement());
  await eventually(() => volumes.openFor('default') !== null);
});

test('no server is left', () => assertNoChildren());
