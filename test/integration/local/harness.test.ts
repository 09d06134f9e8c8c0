// The harness itself: what it starts can be used, and is gone afterwards.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Client } from 'pg';
import { assertNoChildren, startTestServers, tempDir } from '../../harness/servers.ts';

test('what is asked for is started, and nothing of it is left', async () => {
  const servers = await startTestServers({ nats: true, minio: true, postgres: true });
  assert.match(servers.nats.url, /^nats:\/\/millrace:\w+@127\.0\.0\.1:\d+$/);
  assert.equal((await fetch(`${servers.minio.endpoint}/minio/health/live`)).status, 200);
  assert.equal((await fetch(`${servers.nats.monitorUrl}/healthz`)).status, 200);

  const client = new Client({ connectionString: await servers.postgres.createDatabase() });
  await client.connect();
  const { rows } = await client.query(
    'SELECT current_database() AS name, pg_encoding_to_char(encoding) AS encoding, datcollate FROM pg_database WHERE datname = current_database()',
  );
  assert.deepEqual(rows, [{ name: 'test_1', encoding: 'UTF8', datcollate: 'C' }]);
  await client.end();

  await servers.stop();
  await servers.stop();
  assertNoChildren();
  assert.equal(existsSync(servers.folder), false);
});

test('a temporary folder is removed with what is in it', async () => {
  let path: string;
  {
    await using dir = await tempDir();
    path = dir.path;
    assert.equal(existsSync(path), true);
  }
  assert.equal(existsSync(path), false);
});
