// Answers /healthz (the process is alive) and /readyz (it does its work, with named checks) over HTTP.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, chainOf, codeOf } from './errors.ts';
import type { LifecycleState } from './lifecycle.ts';
import { scrubText } from './scrub.ts';

export interface HealthOptions {
  /** 0: any free port. */
  readonly port: number;
  /** 127.0.0.1 where absent. */
  readonly address?: string;
  readonly state: () => LifecycleState;
  /** Name → null (fine) or what is wrong. Asked on each request of /readyz. */
  readonly checks: () => Readonly<Record<string, string | null>>;
}

export interface Health extends AsyncDisposable {
  /** `http://127.0.0.1:9411`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Errors: PORT_IN_USE, or what the system said about the address. */
export async function startHealth({ port, address = '127.0.0.1', state, checks }: HealthOptions): Promise<Health> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') reply(response, 405, { error: 'only GET and HEAD' });
    else if (path === '/healthz') reply(response, 200, { state: state() });
    else if (path === '/readyz') {
      const answers = answersOf(checks);
      const ready = state() === 'running' && Object.values(answers).every((wrong) => wrong === null);
      reply(response, ready ? 200 : 503, {
        ready,
        state: state(),
        checks: Object.fromEntries(
          Object.entries(answers).map(([name, wrong]) => [
            name,
            wrong === null ? { ok: true } : { ok: false, message: wrong },
          ]),
        ),
      });
    } else reply(response, 404, { error: 'only /healthz and /readyz' });
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen({ port, host: address }, resolve);
  try {
    await listening;
  } catch (cause) {
    if (codeOf(cause) !== 'EADDRINUSE') throw cause;
    throw new AppError('PORT_IN_USE', `${address}:${port} is in use by another process`, {
      disposition: 'fatal',
      cause,
      remedy: 'Stop that process, or choose another health port (0: any free one).',
    });
  }
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return stopped;
  };
  return { url: urlOf(server.address() as AddressInfo), stop, [Symbol.asyncDispose]: stop };
}

/** A check that throws is a check that fails; it must not end the process. */
function answersOf(checks: HealthOptions['checks']): Readonly<Record<string, string | null>> {
  try {
    return checks();
  } catch (error) {
    return { checks: chainOf(error) };
  }
}

function urlOf({ family, address, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(scrubText(`${JSON.stringify(body)}\n`));
}
