// TCP ports on the loopback interface: finding free ones, and saying plainly when a wanted one is taken.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { AppError, codeOf } from '../platform/errors.ts';

export const LOOPBACK = '127.0.0.1';

// Below the range from which systems draw the ports of outgoing connections (Linux 32768 and up, others 49152 and up): a server that
// is restarted would else now and then find its port used by somebody's outgoing connection.
const FREE_FROM = 12_000;
const FREE_TO = 32_000;

/** `count` different ports on which nothing listens now; nobody reserves them, so start soon and try again on PORT_IN_USE. */
export async function freePorts(count: number, random: () => number = Math.random): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1000) throw new AppError('NO_FREE_PORT', 'no free port found on 127.0.0.1', { disposition: 'fatal' });
    const port = FREE_FROM + Math.floor(random() * (FREE_TO - FREE_FROM));
    if (!found.has(port) && (await isPortFree(port))) found.add(port);
  }
  return [...found];
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new AppError('NO_FREE_PORT', 'no free port found on 127.0.0.1');
  return port;
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (codeOf(error) === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Throws PORT_IN_USE for the first of the wanted ports that is taken; `wanted` maps what it is for to the port. */
export async function assertPortsFree(wanted: Readonly<Record<string, number>>): Promise<void> {
  for (const [use, port] of Object.entries(wanted)) {
    if (!(await isPortFree(port))) throw portInUse(use, port);
  }
}

export function portInUse(use: string, port: number, cause?: unknown): AppError {
  const holder = holderOf(port);
  const held = holder === undefined ? 'another process' : holder;
  return new AppError('PORT_IN_USE', `port ${port} (${use}) on ${LOOPBACK} is in use by ${held}`, {
    disposition: 'fatal',
    cause,
    remedy: 'Stop that process, or choose other ports with --port-base N.',
    details: { port, use },
  });
}

/** `name (pid)` of the process that listens on the port, where the system lets us see it (Linux, own processes or root). */
function holderOf(port: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const inode = listenerInode(port);
  if (inode === undefined) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const name = quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
    if (name !== undefined && holdsSocket(pid, inode)) return `${name} (pid ${pid})`;
  }
  return undefined;
}

function listenerInode(port: number): string | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = quietly(() => readFileSync(table, 'utf8').split('\n')) ?? [];
    for (const line of lines) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && local.endsWith(`:${wanted}`)) return inode;
    }
  }
  return undefined;
}

function holdsSocket(pid: string, inode: string): boolean {
  const descriptors = quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return descriptors.some((fd) => quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) === `socket:[${inode}]`);
}

/** undefined where the process is gone meanwhile or is not ours to look at: the holder is then simply not named. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM', 'ESRCH'].includes(codeOf(error))) return undefined;
    throw error;
  }
}
