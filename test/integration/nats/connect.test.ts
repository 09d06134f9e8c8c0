// The connection: it waits for its server, says so, and ends only when it is told to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../../../workers/local/ports.ts';
import { connectNats } from '../../../workers/nats/connect.ts';
import { createLog } from '../../../workers/platform/log.ts';
import { eventually } from '../../harness/eventually.ts';
import { assertNoChildren } from '../../harness/leaks.ts';
import { startTestServers } from '../../harness/servers.ts';
import type { LogLine } from './room.ts';

function setup() {
  const lines: LogLine[] = [];
  const log = createLog({
    role: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  return { log, lines };
}

test('a server that is not there yet is waited for, with one line; so are credentials that are not right yet', async () => {
  await using servers = await startTestServers({ nats: true });
  const { nats: server } = servers;
  const { log, lines } = setup();
  await server.stop();
  const connecting = connectNats({ url: server.url, name: 'early' }, log);
  await eventually(() => lines.length === 1);
  assert.deepEqual([lines[0]?.msg, lines[0]?.code], ['waiting for NATS', 'NATS_UNREACHABLE']);
  assert.doesNotMatch(JSON.stringify(lines), new RegExp(server.password));
  await server.restart();
  await using nats = await connecting;
  assert.equal(nats.state, 'connected');

  const second = setup();
  const wrong = connectNats(
    { url: server.url, user: 'millrace', password: 'wrong', name: 'wrong' },
    second.log,
    AbortSignal.timeout(700),
  );
  await assert.rejects(wrong, { name: /AbortError|TimeoutError/ });
  assert.deepEqual([second.lines.length, second.lines[0]?.code], [1, 'NATS_AUTH']);
});

test('waiting ends when the process is told to stop', async () => {
  const { log, lines } = setup();
  const stopping = new AbortController();
  const connecting = connectNats({ url: `nats://127.0.0.1:${await freePort()}`, name: 'never' }, log, stopping.signal);
  await eventually(() => lines.length === 1);
  stopping.abort();
  await assert.rejects(connecting, { name: 'AbortError' });
});

test('its replies come to an inbox of its own', async () => {
  await using servers = await startTestServers({ nats: true });
  const { log } = setup();
  await using nats = await connectNats({ url: servers.nats.url, name: 'processor.a' }, log);
  await using other = await connectNats({ url: servers.nats.url, name: 'other' }, log);
  const replies: string[] = [];
  other.connection.subscribe('_INBOX_processor_2ea.>', {
    callback: (_error, { subject }) => void replies.push(subject),
  });
  await other.connection.flush();
  await nats.manager.getAccountInfo();
  await eventually(() => replies.length === 1);
});

test('after close() it is closed and that is no error; while its server is away the deadline bounds it', async () => {
  await using servers = await startTestServers({ nats: true });
  const { log, lines } = setup();
  const nats = await connectNats({ url: servers.nats.url, name: 'a' }, log);
  const away = await connectNats({ url: servers.nats.url, name: 'b' }, log);
  let times = 0;
  const told = away.onReconnect(() => void (times += 1));
  nats.connection.publish('kept', 'before closing');
  await nats.close();
  await nats.close();
  assert.equal(nats.state, 'closed');
  assert.equal(await nats.closed, null);

  await servers.nats.kill9();
  await eventually(() => away.state === 'reconnecting');
  await servers.nats.restart();
  await eventually(() => times === 1);
  told[Symbol.dispose]();
  await servers.nats.kill9();
  await eventually(() => away.state === 'reconnecting');
  const startedMs = performance.now();
  await away.close(200);
  assert.ok(performance.now() - startedMs < 2_000);
  assert.equal(await away.closed, null);
  assert.equal(times, 1);
  assert.ok(lines.some(({ msg }) => msg === 'NATS disconnected'));
  await servers.nats.restart();
});

test('no server is left', () => assertNoChildren());
