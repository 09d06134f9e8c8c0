import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { access, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../../../workers/local/ports.ts';
import { FACTS_FILE, setDirectory } from '../../../workers/model/rendition-set.ts';
import { MARKER_FILE } from '../../../workers/model/volume.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { openKeeper } from '../../../workers/roles/keeper.ts';
import { writeMarker } from '../../../workers/volumes/marker.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { cannotMount, mountTmpfs, realVolume } from '../volumes/real-volume.ts';
import { HOST, type KeeperRoom, startKeeperRoom } from './room.ts';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const DAY_MS = 86_400_000;
const MIB = 2 ** 20;

describe('keeper', () => {
  let servers: TestServers<{ nats: true; postgres: true }>;
  before(async () => {
    servers = await startTestServers({ nats: true, postgres: true });
  });
  after(async () => {
    await servers.stop();
    assertNoChildren();
  });
  /** A provisioned world with an index of its own and an empty folder for volumes. */
  const room = (): Promise<KeeperRoom> => startKeeperRoom(servers);

  test('it proves and announces its volume, serves its reads, and says when it stops', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const setId = randomUUID();
    await volume.make(setId, ['large.webp', FACTS_FILE], 'picture');
    const keeper = await w.keeper({ volumes: [{ path: volume.path, tier: 'default' }] });

    const told = await w.announced(volume.volumeId, 'open');
    assert.deepEqual(
      { ...told, freeBytes: told.freeBytes > 0, mountEpoch: Math.abs(told.mountEpoch - Date.now()) < 60_000 },
      {
        v: 1,
        volumeId: volume.volumeId,
        host: HOST,
        tier: 'default',
        path: volume.path,
        url: keeper.url,
        indexId: w.indexId,
        freeBytes: true,
        gate: { state: 'open' },
        mountEpoch: true,
      },
    );
    const read = await fetch(`${told.url}/v1/sets/${setId}/large.webp`);
    assert.equal(await read.text(), 'picture');
    assert.equal((await fetch(`${keeper.url}/healthz`)).status, 200);
    await eventually(async () => (await fetch(`${keeper.url}/readyz`)).status === 200);
    assert.deepEqual(keeper.checks(), { index: null, nats: null, volumes: null });

    await keeper.stop();
    await keeper.stop();
    await w.announced(volume.volumeId, 'STOPPING');
    await assert.rejects(fetch(`${keeper.url}/healthz`));
    await eventually(async () => (await w.keeperConnections()) === 0, { what: 'its connections to be closed' });
  });

  test('I7: a volume that cannot be proven stays closed while the other goes on, and joins in when it can', async () => {
    await using w = await room();
    const good = await realVolume(join(w.folder, 'good'), w.indexId);
    const late = join(w.folder, 'late');
    const foreign = await realVolume(join(w.folder, 'foreign'), 'another-index');
    const keeper = await w.keeper({
      volumes: [
        { path: late, tier: 'default' },
        { path: foreign.path, tier: 'default' },
        { path: good.path, tier: 'default', volumeId: good.volumeId },
      ],
    });
    await w.announced(good.volumeId, 'open');
    await w.gate(keeper, late, 'NO_MARKER');
    await w.gate(keeper, foreign.path, 'WRONG_INDEX');
    await w.announced(foreign.volumeId, 'WRONG_INDEX');
    assert.deepEqual(await readdir(foreign.path), [MARKER_FILE]);
    const joined = await realVolume(late, w.indexId);
    await w.announced(joined.volumeId, 'open');
  });

  test('I4: a condemned set is read until its grace is over; then its directory goes, then its row', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const [condemned, live] = [await w.claimed(volume), await w.live(volume)];
    await w.index.abandon(condemned, w.abandoned);
    const keeper = await w.keeper({ volumes: [volume], graceMs: 600_000 });
    const url = `${keeper.url}/v1/sets/${condemned}/large.webp`;
    await w.rounds(keeper, volume.path, 2);
    assert.equal((await fetch(url)).status, 200);

    await w.advanceIndex(600_001);
    await eventually(async () => (await w.index.stateOf(condemned)) === null, { what: 'the row to go' });
    assert.equal(await exists(join(volume.path, setDirectory(condemned))), false);
    assert.equal((await fetch(url)).status, 404);
    assert.equal(await w.index.stateOf(live), 'live');
    assert.equal(await exists(join(volume.path, setDirectory(live))), true);
  });

  test('scrub condemns expired claims and removes old directories that no row knows, nothing else', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const [expired, live, orphan] = [await w.claimed(volume), await w.live(volume), randomUUID()];
    await volume.make(orphan, ['large.webp', FACTS_FILE]);
    await w.advanceIndex(120_000);
    await w.live(volume); // its claim is not expired
    await w.keeper({ volumes: [volume], graceMs: DAY_MS, aheadMs: DAY_MS + 60_000 });
    await eventually(async () => !(await exists(join(volume.path, setDirectory(orphan)))), {
      what: 'the orphan to go',
    });
    assert.equal(await w.index.stateOf(expired), 'condemned');
    assert.equal(await w.index.stateOf(live), 'live');
    assert.equal(await exists(join(volume.path, setDirectory(live))), true);
    assert.equal(await exists(join(volume.path, setDirectory(expired))), true, 'within its grace');
  });

  test('I5: too many unknown directories are all kept, and shown; they go when allowed', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const orphans = Array.from({ length: 11 }, () => randomUUID());
    for (const setId of orphans) await volume.make(setId, [FACTS_FILE]);
    const kept = async () => {
      const there = await Promise.all(orphans.map((setId) => exists(join(volume.path, setDirectory(setId)))));
      return there.filter(Boolean).length;
    };
    const config = { volumes: [volume], graceMs: 1_000, aheadMs: DAY_MS };
    const first = await w.keeper(config);
    await eventually(async () => (await w.volumeOf(first, volume.path)).lastScrub?.withheld?.count === 11);
    assert.equal(await kept(), 11);
    await first.stop();
    await w.keeper({ ...config, allowRemovals: 11 });
    await eventually(async () => (await kept()) === 0);
  });

  test('I7: a volume whose marker comes to name another index is closed, and nothing is removed there', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const condemned = await w.claimed(volume);
    const keeper = await w.keeper({ volumes: [volume], graceMs: 600_000 });
    await w.announced(volume.volumeId, 'open');
    await writeMarker(volume.path, { v: 1, volumeId: volume.volumeId, indexId: 'another' }, { replace: true });
    await w.announced(volume.volumeId, 'WRONG_INDEX');
    await w.index.abandon(condemned, w.abandoned);
    await w.advanceIndex(DAY_MS);
    await w.rounds(keeper, volume.path, 2);
    assert.equal(await w.index.stateOf(condemned), 'condemned');
    assert.equal(await exists(join(volume.path, setDirectory(condemned))), true);
    assert.equal((await fetch(`${keeper.url}/v1/sets/${condemned}/large.webp`)).status, 503);
  });

  test('below the floor the gate closes, reads and removals go on, and it opens again by itself', {
    skip: cannotMount,
  }, async () => {
    await using w = await room();
    const path = join(w.folder, 'v');
    await using _mounted = await mountTmpfs(path, 'size=8m');
    const volume = await realVolume(path, w.indexId);
    const [read, condemned] = [await w.live(volume), await w.claimed(volume)];
    await w.index.abandon(condemned, w.abandoned);
    const floor = { minFreeBytes: 4 * MIB, minFreePercent: 0, minFreeInodes: 0 };
    const keeper = await w.keeper({ volumes: [volume], floor, graceMs: 600_000 });
    await w.announced(volume.volumeId, 'open');
    await writeFile(join(path, 'ballast'), Buffer.alloc(6 * MIB));
    await w.announced(volume.volumeId, 'NO_SPACE');
    assert.equal((await fetch(`${keeper.url}/v1/sets/${read}/large.webp`)).status, 200);
    await w.advanceIndex(600_001);
    await eventually(async () => (await w.index.stateOf(condemned)) === null, { what: 'the removal' });
    await rm(join(path, 'ballast'));
    await w.announced(volume.volumeId, 'open');
  });

  test('I7: unmounted under it, the bare directory is closed and untouched; mounted again it opens under a newer epoch', {
    skip: cannotMount,
  }, async () => {
    await using w = await room();
    const path = join(w.folder, 'v');
    await using mounted = await mountTmpfs(path, 'size=4m');
    const volume = await realVolume(path, w.indexId);
    const keeper = await w.keeper({ volumes: [{ path, tier: 'default' }] });
    const first = await w.announced(volume.volumeId, 'open');
    await mounted.umount();
    await w.announced(volume.volumeId, 'NO_MARKER');
    await w.rounds(keeper, volume.path, 2);
    assert.deepEqual(await readdir(path), []);
    await using _again = await mountTmpfs(path, 'size=4m');
    await writeMarker(path, { v: 1, volumeId: volume.volumeId, indexId: w.indexId });
    const second = await w.announced(volume.volumeId, 'open');
    assert.ok(second.mountEpoch > first.mountEpoch);
  });

  test('nothing that failed to start leaves anything open', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    try {
      const listen = { host: '127.0.0.1', port };
      await assert.rejects(w.keeper({ volumes: [volume], listen }), (error) => isAppError(error, 'PORT_IN_USE'));
      await assert.rejects(w.keeper({ volumes: [] }), (error) => isAppError(error, 'NO_VOLUMES'));
      const everywhere = { host: '0.0.0.0', port: 0 };
      await assert.rejects(w.keeper({ volumes: [volume], listen: everywhere }), (error) =>
        isAppError(error, 'KEEPER_URL_MISSING'),
      );
      await eventually(async () => (await w.keeperConnections()) === 0, { what: 'its connections to be closed' });
    } finally {
      taken.close();
    }
  });

  test('while NATS is not there its reads are, and a start that is broken off leaves nothing', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const setId = randomUUID();
    await volume.make(setId, ['large.webp', FACTS_FILE], 'picture');
    const [port, nobody] = [await freePort(), await freePort()];
    const aborter = new AbortController();
    const config = {
      ...w.config({ volumes: [volume] }),
      nats: { url: `nats://127.0.0.1:${nobody}`, name: 'nobody' },
      listen: { host: '127.0.0.1', port },
    };
    const opening = openKeeper(config, { log: w.log, signal: aborter.signal });
    const url = `http://127.0.0.1:${port}/v1/sets/${setId}/large.webp`;
    await eventually(async () => (await fetch(url)).status === 200);
    assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 503);
    aborter.abort();
    await assert.rejects(opening, { name: 'AbortError' });
    await assert.rejects(fetch(url));
  });

  test('with the index away nothing is removed and reads go on; when it is back, so is the keeper', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const [condemned, live] = [await w.claimed(volume), await w.live(volume)];
    await w.index.abandon(condemned, w.abandoned);
    const keeper = await w.keeper({ volumes: [volume], graceMs: 600_000 });
    await eventually(() => keeper.checks()['index'] === null);
    await w.advanceIndex(600_001 - 60_000);
    await servers.postgres.stop('SIGINT');
    await eventually(() => keeper.checks()['index'] !== null);
    assert.equal((await fetch(`${keeper.url}/v1/sets/${live}/large.webp`)).status, 200);
    assert.equal((await fetch(`${keeper.url}/readyz`)).status, 503);
    await w.announced(volume.volumeId, 'open');
    assert.equal(await exists(join(volume.path, setDirectory(condemned))), true);
    await servers.postgres.restart();
    await eventually(() => keeper.checks()['index'] === null);
    await w.reconnectSql();
    await w.advanceIndex(60_000);
    await eventually(async () => (await w.index.stateOf(condemned)) === null, { what: 'the row to go' });
  });

  test('with NATS away reads and removals go on; when it is back the volume is announced again', async () => {
    await using w = await room();
    const volume = await realVolume(join(w.folder, 'v'), w.indexId);
    const [condemned, live] = [await w.claimed(volume), await w.live(volume)];
    await w.index.abandon(condemned, w.abandoned);
    const keeper = await w.keeper({ volumes: [volume], graceMs: 600_000 });
    await w.announced(volume.volumeId, 'open');
    await servers.nats.kill9();
    await eventually(() => keeper.checks()['nats'] !== null);
    await w.advanceIndex(600_001);
    await eventually(async () => (await w.index.stateOf(condemned)) === null, { what: 'the removal' });
    assert.equal((await fetch(`${keeper.url}/v1/sets/${live}/large.webp`)).status, 200);
    await w.forgetAnnouncements(() => servers.nats.restart());
    await w.announced(volume.volumeId, 'open');
    assert.equal(keeper.checks()['nats'], null);
  });
});
