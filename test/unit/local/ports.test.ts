import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { assertPortsFree, freePorts, isPortFree, LOOPBACK } from '../../../workers/local/ports.ts';
import { isAppError } from '../../../workers/platform/errors.ts';

test('free ports are different, free, and not among those of outgoing connections', async () => {
  const ports = await freePorts(20);
  assert.equal(new Set(ports).size, 20);
  for (const port of ports) {
    assert.ok(port >= 12_000 && port < 32_000);
    assert.equal(await isPortFree(port), true);
  }
});

test('a taken port is named with what it was for, who holds it, and the remedy', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: LOOPBACK, port: 0 }, resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    await assert.rejects(assertPortsFree({ NATS: port }), (error) => {
      assert.ok(isAppError(error, 'PORT_IN_USE'));
      assert.match(error.message, new RegExp(`port ${port} \\(NATS\\)`));
      if (process.platform === 'linux') assert.match(error.message, new RegExp(`pid ${process.pid}`));
      assert.match(error.remedy ?? '', /--port-base/);
      return true;
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  await assertPortsFree({ NATS: port });
});
