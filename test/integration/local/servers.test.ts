// What the rest of Millrace relies on in its servers, asked of real ones.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Client as S3 } from 'minio';
import { connect } from 'nats';
import { Client } from 'pg';
import { isAppError } from '../../../workers/platform/errors.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren, startTestServers } from '../../harness/servers.ts';

const startAll = () => startTestServers({ nats: true, minio: true, postgres: true });
let servers: Awaited<ReturnType<typeof startAll>>;

before(async () => {
  servers = await startAll();
});

after(async () => {
  await servers?.stop();
  assertNoChildren();
});

function natsClient() {
  const { host, port, user, password } = servers.nats;
  return connect({ servers: `${host}:${port}`, user, pass: password, reconnect: false, timeout: 2000 });
}

function s3(secretKey = servers.minio.secretKey): S3 {
  const { host, port, accessKey, region } = servers.minio;
  return new S3({ endPoint: host, port, useSSL: false, accessKey, secretKey, region });
}

async function sql(text: string, url = servers.postgres.url): Promise<unknown[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  // A server that is killed ends the session from its side.
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** False where nothing was stored. */
async function put(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { method: 'PUT', body: 'x' })).ok;
  } catch (error) {
    assert.ok(error instanceof TypeError); // nobody listens yet
    await new Promise((resolve) => setImmediate(resolve));
    return false;
  }
}

describe('nats-server', () => {
  test('fsyncs before it acknowledges, and takes messages up to 1 MiB', async () => {
    const varz = await (await fetch(`${servers.nats.monitorUrl}/varz`)).json();
    assert.partialDeepStrictEqual(varz, { host: '127.0.0.1', max_payload: 1_048_576 });
    const jsz = await (await fetch(`${servers.nats.monitorUrl}/jsz`)).json();
    assert.partialDeepStrictEqual(jsz, { config: { sync_always: true } });
  });

  test('refuses a client without the password', async () => {
    const { host, port, user } = servers.nats;
    await assert.rejects(connect({ servers: `${host}:${port}`, user, pass: 'wrong', reconnect: false }), {
      name: 'AuthorizationError',
    });
  });

  test('keeps its port and what it acknowledged through kill -9 and a restart', async () => {
    {
      await using nc = await natsClient();
      const jsm = await jetstreamManager(nc);
      await jsm.streams.add({ name: 'KEPT', subjects: ['kept.>'] });
      await jetstream(nc).publish('kept.one', 'hello');
    }
    await servers.nats.kill9();
    await assert.rejects(natsClient());
    await servers.nats.restart();
    await servers.nats.restart();
    await using nc = await natsClient();
    const message = await (await jetstreamManager(nc)).streams.getMessage('KEPT', { seq: 1 });
    assert.equal(message?.string(), 'hello');
  });

  test('answers nothing while it is paused, and goes on after', async () => {
    await using nc = await natsClient();
    servers.nats.pause();
    let answered = false;
    const flushed = nc.flush().then(() => (answered = true));
    try {
      await assert.rejects(fetch(`${servers.nats.monitorUrl}/healthz`, { signal: AbortSignal.timeout(300) }), {
        name: 'TimeoutError',
      });
      assert.equal(answered, false);
    } finally {
      servers.nats.resume();
    }
    await flushed;
  });
});

describe('MinIO', () => {
  const arn = (id: string) => `arn:minio:sqs::${id}:nats`;
  const rules = {
    QueueConfiguration: [
      ...['LIVE_CREATED', 'JOURNAL_CREATED'].map((id) => ({ Id: id, Queue: arn(id), Event: ['s3:ObjectCreated:Put'] })),
      ...['LIVE_REMOVED', 'JOURNAL_REMOVED'].map((id) => ({ Id: id, Queue: arn(id), Event: ['s3:ObjectRemoved:*'] })),
    ],
  };

  test('offers the four ARNs, and tells NATS of every change twice', async () => {
    await using nc = await natsClient();
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: 'EVENTS', subjects: ['events.images.>'] });
    const client = s3();
    await client.makeBucket('photos');
    // Refused with InvalidArgument where one of the ARNs is unknown.
    await client.setBucketNotification('photos', rules as never);
    await client.putObject('photos', 'a.jpg', Buffer.from('x'), 1);
    const live = await jsm.streams.getMessage('EVENTS', { last_by_subj: 'events.images.created' });
    assert.equal(live?.json<{ Key: string }>().Key, 'photos/a.jpg', 'in the stream before the PUT returns');
    await client.removeObject('photos', 'a.jpg');
    for (const subject of ['events.images.created-journal', 'events.images.removed', 'events.images.removed-journal']) {
      const message = await eventually(() => jsm.streams.getMessage('EVENTS', { last_by_subj: subject }), {
        what: subject,
      });
      assert.equal(message.json<{ Key: string }>().Key, 'photos/a.jpg');
    }
  });

  test('keeps undelivered events in the data folder while NATS is gone', async () => {
    await servers.nats.kill9();
    await s3().putObject('photos', 'b.jpg', Buffer.from('y'), 1);
    const journal = join(servers.folder, 'minio', 'events', 'minio-nats-JOURNAL_CREATED');
    assert.equal((await readdir(journal)).filter((name) => name.endsWith('.event')).length, 1);
    await servers.nats.restart();
    await using nc = await natsClient();
    const jsm = await jetstreamManager(nc);
    await eventually(
      async () => {
        const message = await jsm.streams.getMessage('EVENTS', { last_by_subj: 'events.images.created-journal' });
        return message?.json<{ Key: string }>().Key === 'photos/b.jpg';
      },
      { timeoutMs: 20_000, what: 'the journal delivers' },
    );
  });

  test('keeps its port, objects and rules through kill -9 and a restart', async () => {
    await servers.minio.kill9();
    await servers.minio.restart();
    await servers.minio.restart();
    assert.equal((await s3().statObject('photos', 'b.jpg')).size, 1);
    const { QueueConfiguration } = (await s3().getBucketNotification('photos')) as unknown as typeof rules;
    assert.deepEqual(
      QueueConfiguration.map(({ Queue }) => Queue).sort(),
      rules.QueueConfiguration.map(({ Queue }) => Queue).sort(),
    );
  });

  test('has its rules loaded before it takes the first object after a start', async () => {
    await using nc = await natsClient();
    const jsm = await jetstreamManager(nc);
    // Presigned: the client itself would wait and try again.
    const urls = await Promise.all(
      Array.from({ length: 2000 }, (_, at) => s3().presignedPutObject('photos', `early-${at}`)),
    );
    let next = 0;
    for (let round = 0; round < 3; round++) {
      await servers.minio.kill9();
      const up = new AbortController();
      const restarted = servers.minio.restart().finally(() => up.abort());
      const stored: string[] = [];
      while (!up.signal.aborted || stored.length === 0) {
        const url = urls[next];
        assert.ok(url);
        if (!(await put(url))) continue;
        stored.push(new URL(url).pathname.slice(1));
        next += 1;
      }
      await restarted;
      const { state } = await jsm.streams.info('EVENTS');
      const live = new Set<string>();
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        live.add((await jsm.streams.getMessage('EVENTS', { seq }))?.json<{ Key: string }>().Key ?? '');
      }
      assert.deepEqual(
        stored.filter((key) => !live.has(key)),
        [],
      );
    }
  });

  test('refuses a wrong secret, serves no console, and has no secret in its log', async () => {
    await assert.rejects(s3('wrong-secret').listBuckets(), { code: 'SignatureDoesNotMatch' });
    const page = await fetch(servers.minio.endpoint, {
      headers: { accept: 'text/html', 'user-agent': 'Mozilla/5.0' },
      redirect: 'manual',
    });
    assert.equal(page.status, 403);
    const log = await readFile(servers.minio.logFile, 'utf8');
    assert.equal(log.includes(servers.minio.secretKey) || log.includes(servers.nats.password), false);
    assert.equal(statSync(servers.minio.logFile).mode & 0o777, 0o600);
  });
});

describe('PostgreSQL', () => {
  test('has fsync on, UTF-8, the C locale, and no socket but the loopback one', async () => {
    const names = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'server_encoding',
      'lc_collate',
      'listen_addresses',
      'unix_socket_directories',
      'password_encryption',
    ];
    const rows = (await sql(
      `SELECT name, setting FROM pg_settings WHERE name = ANY('{${names.join()}}') UNION SELECT 'lc_collate', datcollate FROM pg_database WHERE datname = current_database()`,
    )) as { name: string; setting: string }[];
    assert.deepEqual(Object.fromEntries(rows.map(({ name, setting }) => [name, setting])), {
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      server_encoding: 'UTF8',
      lc_collate: 'C',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      password_encryption: 'scram-sha-256',
    });
  });

  test('refuses a wrong password', async () => {
    await assert.rejects(sql('SELECT 1', servers.postgres.url.replace(servers.postgres.password, 'wrong')), {
      code: '28P01',
    });
  });

  test('keeps its port and what was committed through kill -9 and a restart', async () => {
    await sql('CREATE TABLE kept AS SELECT 1 AS one');
    await servers.postgres.kill9();
    await assert.rejects(sql('SELECT 1'), { code: 'ECONNREFUSED' });
    await servers.postgres.restart();
    assert.deepEqual(await sql('SELECT one FROM kept'), [{ one: 1 }]);
    await servers.postgres.restart();
    assert.deepEqual(await sql('SELECT one FROM kept'), [{ one: 1 }]);
  });

  test('a paused server does not answer sessions that are open either', async () => {
    const client = new Client({ connectionString: servers.postgres.url });
    await client.connect();
    servers.postgres.pause();
    let answered = false;
    const asked = client.query('SELECT 1').then(() => (answered = true));
    try {
      await assert.rejects(sql('SELECT 1'), /timeout/);
      assert.equal(answered, false);
    } finally {
      servers.postgres.resume();
    }
    await asked;
    await client.end();
  });

  test('a postmaster.pid whose pid now belongs to a stranger does not keep it from starting', async () => {
    await servers.postgres.kill9();
    const lockFile = join(servers.folder, 'postgres', 'postmaster.pid');
    const lines = (await readFile(lockFile, 'utf8')).split('\n');
    // Of the same account: another's PostgreSQL would not heed.
    const stranger = spawn('sleep', ['60'], { uid: statSync(lockFile).uid, stdio: 'ignore' });
    await writeFile(lockFile, [stranger.pid, ...lines.slice(1)].join('\n'));
    await servers.postgres.restart();
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
    assert.deepEqual(await sql('SELECT one FROM kept'), [{ one: 1 }]);
  });
});

test('a port that somebody else holds is an error that names it, and the data is untouched', async () => {
  const { nats } = servers;
  await nats.stop();
  const stranger = createServer().listen(nats.port, '127.0.0.1');
  await new Promise((resolve) => stranger.once('listening', resolve));
  await assert.rejects(
    nats.restart(),
    (error) => isAppError(error, 'PORT_IN_USE') && error.message.includes(String(nats.port)),
  );
  await new Promise((resolve) => stranger.close(resolve));
  await nats.restart();
  assert.equal(existsSync(join(servers.folder, 'nats', 'store')), true);
});
