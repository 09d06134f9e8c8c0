// Serves the renditions of this keeper's volumes over HTTP: whole files of sets that never change, and nothing else that lies there.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isSetId, setDirectory } from '../model/rendition-set.ts';
import { AppError, codeOf } from '../platform/errors.ts';
import { answerFor } from './range.ts';

export interface ReadableVolume {
  readonly root: string;
  /** As of the last probe; an unproven volume is not read. */
  readonly proven: boolean;
  /** Asked before a file is said not to exist: a volume that was unmounted a moment ago is not one without the file. Never rejects. */
  stillProven(): Promise<boolean>;
}

export interface ReadsOptions {
  readonly volumes: () => readonly ReadableVolume[];
  /** A client that takes no byte for so long is cut off: it holds a file open. */
  readonly stallTimeoutMs: number;
  /** A file could not be read to its end; the client has got a shorter body than was announced, and sees it. */
  readonly onBroken?: (keys: { readonly path: string; readonly code: string }) => void;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  webp: 'image/webp',
  avif: 'image/avif',
  jpg: 'image/jpeg',
  png: 'image/png',
};

const PATH = /^\/v1\/sets\/([0-9a-f-]{36})\/([A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\.(webp|avif|jpg|png))$/;

/** The set's files are written before its row names it and never again, so a year is as good as for ever. */
const CACHE_CONTROL = 'public, max-age=31536000, immutable';

/** Handles what begins with `/v1/sets/`: answers everything, never rejects. */
export function createReads({ volumes, stallTimeoutMs, onBroken = () => undefined }: ReadsOptions) {
  return async function read(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    response.setTimeout(stallTimeoutMs, () => response.destroy());
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('Allow', 'GET, HEAD');
        return sayNo(response, 405, 'METHOD_NOT_ALLOWED');
      }
      const [, setId = '', file = '', extension = ''] = PATH.exec(path) ?? [];
      if (!isSetId(setId)) return sayNo(response, 404, 'NOT_FOUND');
      const found = await openFirst(volumes(), join(setDirectory(setId), file));
      if (found === 'nowhere') return sayNo(response, 404, 'NOT_FOUND');
      if (found === 'unknown') {
        response.setHeader('Retry-After', '2');
        return sayNo(response, 503, 'VOLUME_NOT_PROVEN');
      }
      await using handle = found;
      await send(
        request,
        response,
        handle,
        `"${setId}/${file}"`,
        CONTENT_TYPES[extension] ?? 'application/octet-stream',
      );
    } catch (error) {
      if (response.headersSent || response.destroyed) response.destroy();
      else sayNo(response, 500, 'READ_FAILED');
      // A client that went away is no fault of the volume's.
      if (!['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(codeOf(error)))
        onBroken({ path, code: codeOf(error) });
    }
  };
}

/** A set id exists once, so the first volume that has it is the one. */
async function openFirst(
  volumes: readonly ReadableVolume[],
  path: string,
): Promise<FileHandle | 'nowhere' | 'unknown'> {
  let unknown = false;
  for (const volume of volumes) {
    if (!volume.proven) {
      unknown = true;
      continue;
    }
    try {
      return await open(join(volume.root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) throw error;
      unknown ||= !(await volume.stillProven());
    }
  }
  return unknown ? 'unknown' : 'nowhere';
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  handle: FileHandle,
  etag: string,
  contentType: string,
) {
  const stat = await handle.stat();
  if (!stat.isFile()) return sayNo(response, 404, 'NOT_FOUND');
  const { 'if-none-match': ifNoneMatch, 'if-range': ifRange, range } = request.headers;
  // RFC 9110 defines Range for GET only.
  const conditions = {
    ifNoneMatch,
    ifRange: ifRange === undefined ? undefined : String(ifRange),
    range: request.method === 'GET' ? range : undefined,
  };
  const answer = answerFor(conditions, etag, stat.size);

  response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', CACHE_CONTROL);
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (answer.kind === 'not-modified') return void response.writeHead(304).end();
  if (answer.kind === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${stat.size}`);
    return sayNo(response, 416, 'RANGE_NOT_SATISFIABLE');
  }

  const { first, last } = answer.kind === 'part' ? answer : { first: 0, last: stat.size - 1 };
  if (answer.kind === 'part') response.setHeader('Content-Range', `bytes ${first}-${last}/${stat.size}`);
  response.writeHead(answer.kind === 'part' ? 206 : 200, {
    'Content-Type': contentType,
    'Content-Length': last - first + 1,
  });
  if (request.method === 'HEAD' || stat.size === 0) return void response.end();
  const bytes = handle.createReadStream({ start: first, end: last, autoClose: false });
  await pipeline(bytes, response, { end: false });
  // Ended short, a response would leave its client waiting for the rest.
  if (bytes.bytesRead !== last - first + 1)
    throw new AppError('SHORT_READ', `the file ended after ${bytes.bytesRead} bytes`);
  response.end();
}

function sayNo(response: ServerResponse, status: number, code: string): void {
  const body = JSON.stringify({ code });
  // An error is never as immutable as the file is.
  response.removeHeader('ETag');
  response.setHeader('Cache-Control', 'no-store');
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
