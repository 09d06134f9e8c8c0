// One of our own roles as a child process of the local stack.
import { startChild } from './child.ts';
import { childEnv } from './child-env.ts';
import { answersOk } from './http-probe.ts';
import { assertPortsFree, LOOPBACK } from './ports.ts';
import { type Server, startServer } from './server.ts';

export interface RoleRequest {
  readonly kind: 'keeper' | 'processor';
  /** `keeper`, `processor-1`, `processor-2` …: names its log and pid file. */
  readonly name: string;
  /** Of its HTTP server on 127.0.0.1. */
  readonly port: number;
}

export interface RoleCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the few variables that every child gets. */
  readonly env: Readonly<Record<string, string>>;
}

/** A processor finishes the renders it has begun. */
const STOP_TIMEOUT_MS = 30_000;

/** Resolves when `GET /readyz` on its port answers 200. Errors: PORT_IN_USE and those of startChild. */
export async function startRole(
  { name, port }: RoleRequest,
  { command, args, env }: RoleCommand,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<Server> {
  const start = async () => {
    await assertPortsFree({ [name]: port });
    return startChild({
      name,
      command,
      args,
      env: childEnv(env),
      folder,
      port,
      isReady: () => answersOk(`http://${LOOPBACK}:${port}/readyz`),
      stopTimeoutMs: STOP_TIMEOUT_MS,
      signal,
    });
  };
  return startServer(start, {});
}
