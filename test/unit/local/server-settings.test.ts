import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnv } from '../../../workers/local/child-env.ts';
import { minioEnv } from '../../../workers/local/minio.ts';
import { natsConfig } from '../../../workers/local/nats.ts';

test('MinIO gets four targets, of which the two journals keep their events in the data folder', () => {
  const nats = { host: '127.0.0.1', port: 4222, user: 'u', password: 'p' };
  const env = minioEnv({
    binary: 'minio',
    folder: '/data',
    port: 9000,
    accessKey: 'access',
    secretKey: 'secret',
    nats,
  });
  assert.equal(env.MINIO_API_SYNC_EVENTS, 'on');
  for (const [id, subject] of [
    ['LIVE_CREATED', 'events.images.created'],
    ['LIVE_REMOVED', 'events.images.removed'],
    ['JOURNAL_CREATED', 'events.images.created-journal'],
    ['JOURNAL_REMOVED', 'events.images.removed-journal'],
  ] as const) {
    assert.equal(env[`MINIO_NOTIFY_NATS_ENABLE_${id}`], 'on');
    assert.equal(env[`MINIO_NOTIFY_NATS_ADDRESS_${id}`], '127.0.0.1:4222');
    assert.equal(env[`MINIO_NOTIFY_NATS_SUBJECT_${id}`], subject);
    assert.equal(env[`MINIO_NOTIFY_NATS_JETSTREAM_${id}`], 'on');
    assert.equal(env[`MINIO_NOTIFY_NATS_USERNAME_${id}`], 'u');
    assert.equal(env[`MINIO_NOTIFY_NATS_PASSWORD_${id}`], 'p');
    assert.equal(env[`MINIO_NOTIFY_NATS_QUEUE_DIR_${id}`], id.startsWith('JOURNAL') ? '/data/minio/events' : undefined);
  }
});

test('nats-server listens on the loopback interface only, wants a password and fsyncs before it acknowledges', () => {
  const config = natsConfig({ binary: 'nats-server', folder: '/data', port: 4222, user: 'u', password: 'p' });
  assert.partialDeepStrictEqual(config, {
    host: '127.0.0.1',
    authorization: { users: [{ user: 'u', password: 'p' }] },
    jetstream: { store_dir: '/data/nats/store', sync_interval: 'always' },
  });
});

test("a user's own MINIO_, PG and CI settings do not reach the servers", () => {
  const env = childEnv(
    { OURS: '1' },
    { PATH: '/bin', HOME: '/home/u', MINIO_SITE_REGION: 'x', PGDATA: '/y', CI: 'true' },
  );
  assert.deepEqual(env, { PATH: '/bin', HOME: '/home/u', OURS: '1' });
});
