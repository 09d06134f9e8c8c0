// The keeper's HTTP server: the reads of its volumes, /healthz with all it knows of them, /readyz.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, codeOf } from '../platform/errors.ts';

export interface KeeperHttpOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Handles what begins with `/v1/`; never rejects. */
  readonly read: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly describe: () => object;
  readonly checks: () => Readonly<Record<string, string | null>>;
}

export interface KeeperHttp extends AsyncDisposable {
  /** `http://127.0.0.1:9420`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Each open read holds a file; beyond this a client waits for another to end. */
const MOST_CONNECTIONS = 1_024;
const DRAIN_MS = 3_000;

/** Rejects with `PORT_IN_USE`, or what the system said about the address. */
export async function startKeeperHttp({ listen, read, describe, checks }: KeeperHttpOptions): Promise<KeeperHttp> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path.startsWith('/v1/')) void read(request, response);
    else if (path === '/healthz') reply(response, 200, describe());
    else if (path === '/readyz') {
      const answers = checks();
      const ready = Object.values(answers).every((wrong) => wrong === null);
      reply(response, ready ? 200 : 503, { ready, checks: answers });
    } else reply(response, 404, { code: 'NOT_FOUND' });
  });
  server.maxConnections = MOST_CONNECTIONS;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(listen, resolve);
  try {
    await listening;
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    throw new AppError('PORT_IN_USE', `${listen.host}:${listen.port} is in use by another process`, {
      disposition: 'fatal',
      cause: error,
      remedy: 'Stop that process, or have the keeper listen on another port (0: any free one).',
    });
  }

  let stopped: Promise<void> | undefined;
  async function drain(): Promise<void> {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeIdleConnections();
    const timer = new AbortController();
    await Promise.race([closed, delay(DRAIN_MS, undefined, { signal: timer.signal })]);
    timer.abort();
    server.closeAllConnections();
    await closed;
  }
  const stop = () => (stopped ??= drain());
  const { address, family, port } = server.address() as AddressInfo;
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, stop, [Symbol.asyncDispose]: stop };
}

function reply(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}
