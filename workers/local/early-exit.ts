// Why a child ended before it was ready: what its log says, as one coded error that names the remedy.
import { open } from 'node:fs/promises';
import { AppError } from '../platform/errors.ts';
import { diskFull, unusable } from './folder.ts';
import { portInUse } from './ports.ts';

const TAIL_BYTES = 8 * 1024;
const TAIL_LINES = 12;

/** `fromByte`: where this start of the child begins in its log. */
export async function earlyExit(
  { name, folder, port }: { readonly name: string; readonly folder: string; readonly port?: number },
  exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null },
  logFile: string,
  fromByte: number,
): Promise<AppError> {
  const lines = await lastLines(logFile, fromByte);
  const how = exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
  const cause = new AppError(
    'CHILD_EXITED',
    [`${name} ended ${how} before it was ready. Its last lines:`, ...lines].join('\n'),
    {
      disposition: 'fatal',
      remedy: `See ${logFile}.`,
    },
  );
  const said = lines.join('\n').toLowerCase();
  if (port !== undefined && said.includes('address already in use')) return portInUse(name, port, cause);
  if (said.includes('no space left on device') || said.includes('disk quota exceeded')) return diskFull(folder, cause);
  if (said.includes('read-only file system')) return unusable(folder, cause);
  return cause;
}

async function lastLines(path: string, fromByte: number): Promise<string[]> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const start = Math.max(fromByte, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - start), position: start });
  return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-TAIL_LINES);
}
