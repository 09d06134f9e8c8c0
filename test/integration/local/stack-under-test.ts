// The local stack with real servers and roles that only answer /readyz: run as a process of its own, so that tests can kill it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isAppError } from '../../../workers/platform/errors.ts';
import { runStack } from '../../../workers/roles/stack.ts';

const ROLE = `
  const server = require('node:http').createServer((request, response) => {
    if (request.url === '/die') process.exit(7);
    response.end('ok');
  });
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up'));
  process.once('SIGTERM', () => { console.log('stopping'); server.closeAllConnections(); server.close(); });
`;

const print = (line: string) => void process.stdout.write(`${line}\n`);
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    'port-base': { type: 'string' },
    processors: { type: 'string', default: '1' },
    'no-demo': { type: 'boolean', default: false },
  },
});
const options = {
  folder: values.data,
  portBase: Number(values['port-base']),
  processors: Number(values.processors),
  demo: !values['no-demo'],
};
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());

try {
  const deps = {
    provisionStreams: async () => print('streams'),
    provisionStore: async ({ folder }: { folder: string }) => {
      print('store');
      const path = join(folder, 'volumes', 'one');
      await mkdir(path, { recursive: true });
      return { bucket: 'photos', volumes: [{ id: 'one', tier: 'default', path }] };
    },
    roleCommand: ({ name, port }: { name: string; port: number }) => {
      print(`role ${name}`);
      return { command: process.execPath, args: ['-e', ROLE], env: { PORT: String(port) } };
    },
    demo: async () => print('demo'),
    print,
  };
  await runStack(options, deps, stop.signal);
} catch (error) {
  if (!isAppError(error)) throw error;
  print(`${error.code}: ${error.message} ${error.remedy}`);
  process.exitCode = 1;
}
