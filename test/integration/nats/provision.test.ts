// Provisioning on a real server: once, twice, over drift that can be repaired, and over drift that cannot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nanos } from 'nats';
import { provisionJetStream, verifyJetStream } from '../../../workers/nats/provision.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { startTestServers } from '../../harness/servers.ts';
import { connectNats } from '../../../workers/nats/connect.ts';
import { createLog } from '../../../workers/platform/log.ts';
import { OPTIONS, startRoom } from './room.ts';

const log = createLog({ role: 'test', level: 'silent' });

test('an empty server gets everything, in words; a second time changes nothing', async () => {
  await using servers = await startTestServers({ nats: true });
  await using nats = await connectNats({ url: servers.nats.url, name: 'provision' }, log);
  await assert.rejects(verifyJetStream(nats, OPTIONS), (error) => {
    assert.ok(isAppError(error, 'NOT_PROVISIONED'));
    assert.match(error.message, /stream EVENTS is missing/);
    assert.match(error.remedy ?? '', /millrace provision/);
    return true;
  });
  assert.deepEqual(await provisionJetStream(nats, OPTIONS), [
    'stream EVENTS: created',
    'stream PLANNED: created',
    'stream DEAD_LETTERS: created',
    'stream ADVISORIES: created',
    'stream OUTCOMES: created',
    'stream KV_volumes: created',
    'stream KV_nonces: created',
    'consumer changes: created',
    'consumer removals: created',
    'consumer planned-default-urgent: created',
    'consumer planned-default-bulk: created',
    'consumer exhausted: created',
  ]);
  assert.deepEqual(await provisionJetStream(nats, OPTIONS), []);
  assert.deepEqual(await verifyJetStream(nats, OPTIONS), []);
});

test('what differs is put right, and said', async () => {
  await using room = await startRoom();
  const { consumers, streams } = room.nats.manager;
  await consumers.update('EVENTS', 'changes', {
    max_ack_pending: 1000,
    backoff: [nanos(1000)],
    ack_wait: nanos(30_000),
  });
  await consumers.update('EVENTS', 'removals', { filter_subjects: ['events.images.removed'] });
  await streams.update('EVENTS', { max_bytes: 1024 ** 2, max_age: nanos(1000 * 3600) });

  assert.deepEqual(await provisionJetStream(room.nats, OPTIONS), [
    'stream EVENTS: max_bytes 1048576 → 4294967296, max_age 3600 s → 604800 s',
    // A backoff takes the place of ack_wait.
    'consumer changes: ack_wait 1 s → 60 s, max_ack_pending 1000 → 4096, backoff 1000000000 → none',
    'consumer removals: filter_subjects events.images.removed → events.images.removed, events.images.removed-journal',
  ]);
  assert.deepEqual(await provisionJetStream(room.nats, OPTIONS), []);
});

test('roles accept a difference that does no harm, and refuse one that does', async () => {
  await using room = await startRoom();
  const { consumers, streams } = room.nats.manager;
  await streams.update('EVENTS', { max_bytes: 1024 ** 2 });
  assert.deepEqual(await verifyJetStream(room.nats, OPTIONS), ['stream EVENTS: max_bytes 1048576 → 4294967296']);
  await consumers.update('EVENTS', 'changes', { ack_wait: nanos(5_000) });
  await assert.rejects(verifyJetStream(room.nats, OPTIONS), {
    code: 'NOT_PROVISIONED',
    message: /consumer changes: ack_wait 5 s → 60 s/,
  });
});

test('a new tier gets its lanes beside the old ones', async () => {
  await using room = await startRoom();
  assert.deepEqual(await provisionJetStream(room.nats, { ...OPTIONS, tiers: ['default', 'fast'] }), [
    'consumer planned-fast-urgent: created',
    'consumer planned-fast-bulk: created',
  ]);
});

test('what JetStream cannot change is named with its setting and a remedy, before anything is changed', async () => {
  await using servers = await startTestServers({ nats: true });
  await using nats = await connectNats({ url: servers.nats.url, name: 'provision' }, log);
  const { consumers, streams } = nats.manager;
  await streams.add({ name: 'PLANNED', subjects: ['planned.v1.>'], max_bytes: 1024 });
  await assert.rejects(provisionJetStream(nats, OPTIONS), (error) => {
    assert.ok(isAppError(error, 'JETSTREAM_DRIFT'));
    assert.match(error.message, /stream PLANNED: retention is limits, wanted workqueue/);
    assert.match(error.remedy ?? '', /Delete stream PLANNED/);
    assert.deepEqual(error.details, {
      subject: 'stream PLANNED',
      setting: 'retention',
      found: 'limits',
      wanted: 'workqueue',
    });
    return true;
  });
  assert.deepEqual(
    (await streams.list().next()).map(({ config }) => config.name),
    ['PLANNED'],
  );
  await streams.delete('PLANNED');

  await provisionJetStream(nats, OPTIONS);
  await consumers.delete('EVENTS', 'changes');
  await consumers.add('EVENTS', { durable_name: 'changes', ack_policy: 'all' });
  await assert.rejects(provisionJetStream(nats, OPTIONS), {
    code: 'JETSTREAM_DRIFT',
    message: /consumer changes: ack_policy is all, wanted explicit/,
    remedy: /Delete consumer changes of stream EVENTS/,
  });
});

test('a stream that already has our subjects is a clear refusal', async () => {
  await using servers = await startTestServers({ nats: true });
  await using nats = await connectNats({ url: servers.nats.url, name: 'provision' }, log);
  await nats.manager.streams.add({ name: 'FOREIGN', subjects: ['events.>'] });
  await assert.rejects(provisionJetStream(nats, OPTIONS), {
    code: 'JETSTREAM_REFUSED',
    message: /stream EVENTS cannot be created/,
    disposition: 'fatal',
  });
});

test('no server is left', () => assertNoChildren());
