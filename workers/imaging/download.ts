// Downloads exactly one version of an object into memory, and stops as soon as its first bytes say that it is no picture.
import http from 'node:http';
import https from 'node:https';
import type { Limits } from '../model/desired.ts';
import type { Download, RenderResult } from '../model/render.ts';
import { codeOf } from '../platform/errors.ts';
import { sourceTooLarge } from './guard.ts';
import { HEAD_BYTES, sniff } from './sniff.ts';

export type Downloaded =
  | { readonly kind: 'downloaded'; readonly bytes: Buffer }
  | Extract<RenderResult, { kind: 'not-image' | 'refused' | 'changed' | 'source-failed' }>;

export interface Downloader {
  /** `sizeBytes` as the version has it. Never rejects. */
  readonly download: (source: Download, sizeBytes: number, limits: Limits) => Promise<Downloaded>;
}

export interface DownloaderOptions {
  /** How long no byte may arrive. */
  readonly stallTimeoutMs: number;
}

export function createDownloader({ stallTimeoutMs }: DownloaderOptions): Downloader {
  const agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true }) };

  const attempt = (source: Download, sizeBytes: number, limits: Limits) =>
    new Promise<Downloaded | 'stale-connection'>((resolve) => {
      const url = new URL(source.url);
      const { request: open } = url.protocol === 'https:' ? https : http;
      const agent = url.protocol === 'https:' ? agents['https:'] : agents['http:'];
      const request = open(url, { agent, headers: source.headers });
      const end = (result: Downloaded) => {
        resolve(result);
        request.destroy();
      };
      request.setTimeout(stallTimeoutMs, () => end(failed('SOURCE_STALLED', `no byte for ${stallTimeoutMs} ms`)));
      request.on('error', (error) => {
        // The store closed a connection that we kept, just as we used it again: nothing was asked yet.
        if (request.reusedSocket && codeOf(error) === 'ECONNRESET') resolve('stale-connection');
        else resolve(failed(codeOf(error), error.message));
      });
      request.on('response', (response) => receive(response, sizeBytes, limits, resolve, end));
      request.end();
    });

  return {
    async download(source, sizeBytes, limits) {
      if (sizeBytes === 0) return { kind: 'not-image' };
      for (let tries = 0; tries < 3; tries += 1) {
        const result = await attempt(source, sizeBytes, limits);
        if (result !== 'stale-connection') return result;
      }
      return failed('ECONNRESET', 'the store closes its connections before it answers');
    },
  };
}

function receive(
  response: http.IncomingMessage,
  sizeBytes: number,
  limits: Limits,
  /** The connection goes back to the agent. */
  done: (result: Downloaded) => void,
  /** The rest is not read; the connection is given up. */
  end: (result: Downloaded) => void,
): void {
  const { statusCode = 0 } = response;
  if (statusCode !== 200) {
    response.resume();
    response.on('end', () =>
      done(statusCode === 412 || statusCode === 404 ? { kind: 'changed' } : httpFailed(statusCode)),
    );
    response.on('error', (error) => done(failed(codeOf(error), error.message)));
    return;
  }
  const announced = response.headers['content-length'];
  if (announced !== undefined && Number(announced) !== sizeBytes) {
    end(failed('SOURCE_SIZE_DIFFERS', `${announced} bytes were announced, the version has ${sizeBytes}`));
    return;
  }
  // Of what is too large only the first bytes are read: they still tell a picture that is refused from a film that is none of ours.
  const isTooLarge = sizeBytes > limits.sourceMaxBytes;
  const headBytes = Math.min(HEAD_BYTES, sizeBytes);
  // Not pooled and not zeroed: it is filled or thrown away.
  const bytes = Buffer.allocUnsafeSlow(isTooLarge ? headBytes : sizeBytes);
  let received = 0;
  let sniffed = false;
  response.on('data', (chunk: Buffer) => {
    if (!isTooLarge && received + chunk.length > sizeBytes) {
      end(failed('SOURCE_SIZE_DIFFERS', `more bytes came than the ${sizeBytes} of the version`));
      return;
    }
    chunk.copy(bytes, received);
    received += chunk.length;
    if (sniffed || received < headBytes) return;
    sniffed = true;
    if (sniff(bytes.subarray(0, headBytes)) === null) end({ kind: 'not-image' });
    else if (isTooLarge) {
      const { code, message } = sourceTooLarge(sizeBytes, limits);
      end({ kind: 'refused', code, message });
    }
  });
  response.on('end', () =>
    done(
      received === sizeBytes
        ? { kind: 'downloaded', bytes }
        : failed('SOURCE_TRUNCATED', `${received} of ${sizeBytes} bytes came`),
    ),
  );
  response.on('error', (error) => done(failed(codeOf(error), error.message)));
}

function failed(code: string, message: string): Downloaded {
  return { kind: 'source-failed', code, message };
}

function httpFailed(statusCode: number): Downloaded {
  return failed(`HTTP_${statusCode}`, `the store answered ${statusCode}`);
}
