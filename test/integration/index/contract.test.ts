// PostgreSQL keeps the index contract.
import { after, before } from 'node:test';
import { indexContract } from '../../contract/index.ts';
import { assertNoChildren, startTestServers, type TestServers } from '../../harness/servers.ts';
import { type TestIndex, testIndex } from './harness.ts';

let servers: TestServers<{ postgres: true }>;
let shared: TestIndex;

before(async () => {
  servers = await startTestServers({ postgres: true });
  shared = await testIndex(servers.postgres);
});
after(async () => {
  await shared.close();
  await servers.stop();
  assertNoChildren();
});

indexContract('PostgreSQL', async () => {
  await shared.sql('DELETE FROM millrace.objects');
  await shared.sql('DELETE FROM millrace.sets');
  await shared.sql('DELETE FROM millrace.attempts');
  return { index: shared.index, advance: shared.advance, close: () => Promise.resolve() };
});
