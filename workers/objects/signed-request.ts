// The one way we speak to the store: a request signed by minio-js, sent over our own connections, bounded in time.
import { createHash } from 'node:crypto';
import { Agent as HttpAgent, type IncomingHttpHeaders, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Client, InvalidArgumentError } from 'minio';
import { AppError, codeOf } from '../platform/errors.ts';

export interface StoreConfig {
  /** `http://host:port` or `https://host[:port]`, without a path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** From sending a request to the end of its answer. 10 s. */
  readonly timeoutMs?: number;
  /** Connections kept open. 64. */
  readonly maxConnections?: number;
}

export interface StoreRequest {
  readonly method: 'HEAD' | 'GET' | 'PUT' | 'DELETE';
  readonly bucket: string;
  /** Raw; absent for a request about the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface StoreAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A connection to one store. What the server answers is an answer, whatever its status; see `errorOf`. */
export interface Store extends Disposable {
  /** Rejects with STORE_UNAVAILABLE (network, timeout, 5xx, 429), CLOCK_SKEW, BAD_BUCKET_NAME or STORE_CLOSED; every other status is returned. */
  send(request: StoreRequest): Promise<StoreAnswer>;
  presign(request: StoreRequest, expiresS: number): Promise<string>;
}

// The URL stays in this process. It is long-lived so that a process that was stopped between signing and sending still gets the
// object's own answer, and not a 403 that would be taken for a store that locks us out.
const SIGNED_FOR_S = 3600;
// minio-js derives its signing key anew for each URL: 0.22 ms of CPU, and an object is looked at three times within seconds (measured).
const REUSED_FOR_MS = 60_000;
const REUSED_MAX = 512;
// What MinIO and S3 forgive a clock that runs ahead of theirs.
const FORGIVEN_AHEAD_MS = 15 * 60_000;

interface SignedUrl {
  readonly url: string;
  readonly atMs: number;
}

/** Connects on the first request. Throws BAD_ENDPOINT. */
export function openStore(config: StoreConfig): Store {
  const { timeoutMs = 10_000, maxConnections = 64 } = config;
  const endpoint = parseEndpoint(config.endpoint);
  const client = signerFor(endpoint, config);
  const secure = endpoint.protocol === 'https:';
  const Agent = secure ? HttpsAgent : HttpAgent;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: maxConnections,
    maxFreeSockets: maxConnections,
    scheduling: 'lifo',
  });
  const start = secure ? httpsRequest : httpRequest;
  const targets = new Map<string, RequestOptions>();
  const signed = new Map<string, SignedUrl>();
  let closed = false;

  async function presign({ method, bucket, key = '', query = {} }: StoreRequest, expiresS: number): Promise<string> {
    try {
      return await client.presignedUrl(method, bucket, key, expiresS, { ...query });
    } catch (cause) {
      if (!(cause instanceof InvalidArgumentError)) throw cause;
      // It means the bucket's name, but its message tells of regions.
      throw new AppError('BAD_BUCKET_NAME', `no bucket can be called ${JSON.stringify(bucket)}`, {
        disposition: 'refuse',
        cause,
      });
    }
  }

  /** What signs nothing but its names is used again for a minute. */
  async function signedUrl(request: StoreRequest): Promise<SignedUrl> {
    const { method, bucket, key, query } = request;
    const atMs = Date.now();
    const name = method === 'HEAD' && key !== undefined && query === undefined ? `${bucket}/${key}` : undefined;
    const known = name === undefined ? undefined : signed.get(name);
    if (known !== undefined && Math.abs(atMs - known.atMs) < REUSED_FOR_MS) return known;
    const fresh = { url: await presign(request, SIGNED_FOR_S), atMs };
    if (name !== undefined) {
      signed.delete(name); // so that the oldest is always the first
      signed.set(name, fresh);
      const [oldest] = signed.size > REUSED_MAX ? signed.keys() : [];
      if (oldest !== undefined) signed.delete(oldest);
    }
    return fresh;
  }

  async function send(request: StoreRequest): Promise<StoreAnswer> {
    const { url, atMs: signedAtMs } = await signedUrl(request);
    if (closed) throw new AppError('STORE_CLOSED', 'the connection to the store was closed');
    // Cut, not parsed: URL would rewrite `a/../b`, and the signature covers the path as it is.
    const pathAt = url.indexOf('/', url.indexOf('//') + 2);
    const origin = url.slice(0, pathAt);
    let target = targets.get(origin);
    if (target === undefined) {
      const { protocol, hostname, port } = new URL(origin);
      target = { protocol, hostname: withoutBrackets(hostname), port, agent };
      targets.set(origin, target);
    }
    const headers: Record<string, string | number> = { ...request.headers };
    if (request.body !== undefined) {
      headers['content-length'] = Buffer.byteLength(request.body);
      headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
    }
    const options = { ...target, method: request.method, path: url.slice(pathAt), headers };
    const answer = await exchange(options, request.body, true);
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) {
      throw unavailable(`the store answered ${answer.status}`, {
        status: answer.status,
        storeCode: storeCodeOf(answer),
      });
    }
    if (answer.status === 403) assertClock(answer, signedAtMs);
    return answer;
  }

  function exchange(options: RequestOptions, body: string | undefined, mayRepeat: boolean): Promise<StoreAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<StoreAnswer>();
    let isLate = false;
    let hasBegun = false;
    const req = start(options, (response) => {
      hasBegun = true;
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: chunks.length === 0 ? '' : Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    const timer = setTimeout(() => {
      isLate = true;
      req.destroy(new Error('timeout'));
    }, timeoutMs);
    req.on('error', fail);
    req.end(body);
    return promise;

    function fail(error: Error): void {
      clearTimeout(timer);
      if (isLate) return reject(unavailable('the store did not answer in time', { timeoutMs }));
      // A connection that the server closed while it lay idle: the request never arrived, so it is sent once more on a new one. All our
      // requests may be sent twice.
      const wasStale = req.reusedSocket && !hasBegun && ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
      if (mayRepeat && wasStale && !closed) return resolve(exchange({ ...options, agent: false }, body, false));
      reject(unavailable('the store cannot be reached', { endpoint: endpoint.host, cause: codeOf(error) }, error));
    }
  }

  return {
    send,
    presign,
    [Symbol.dispose]() {
      closed = true;
      agent.destroy();
    },
  };
}

/** MinIO tells a HEAD's reason in a header; every other answer has it in its XML. Null: the store did not say. */
export function storeCodeOf({ headers, body }: StoreAnswer): string | null {
  const header = headers['x-minio-error-code'];
  if (typeof header === 'string') return header;
  return /<Code>([^<]*)<\/Code>/.exec(body)?.[1] ?? null;
}

/** What an answer that the caller has no use for means: NO_SUCH_BUCKET, ACCESS_DENIED, BAD_OBJECT_NAME or STORE_REFUSED. */
export function errorOf(answer: StoreAnswer, what: string): AppError {
  const storeCode = storeCodeOf(answer);
  const details = { status: answer.status, storeCode };
  if (storeCode === 'NoSuchBucket')
    return new AppError('NO_SUCH_BUCKET', `${what}: there is no such bucket`, { details });
  if (answer.status === 403)
    return new AppError('ACCESS_DENIED', `${what}: the store denies it (${storeCode})`, { details });
  if (storeCode !== null && NAME_CODES.has(storeCode)) {
    return new AppError('BAD_OBJECT_NAME', `${what}: the store takes no such name`, { disposition: 'refuse', details });
  }
  return new AppError('STORE_REFUSED', `${what}: the store answered ${answer.status} ${storeCode ?? ''}`, { details });
}

const NAME_CODES = new Set(['XMinioInvalidObjectName', 'XMinioInvalidResourceName', 'KeyTooLongError', 'InvalidURI']);

function unavailable(message: string, details: Record<string, unknown>, cause?: unknown): AppError {
  return new AppError('STORE_UNAVAILABLE', message, { disposition: 'retry', details, cause });
}

/** A signature out of its time is answered with 403 like a missing right, but says nothing about the bucket. */
function assertClock({ headers }: StoreAnswer, signedAtMs: number): void {
  const storeMs = Date.parse(headers.date ?? '');
  const behindMs = storeMs - signedAtMs;
  if (behindMs > SIGNED_FOR_S * 1000 || behindMs < -FORGIVEN_AHEAD_MS) {
    throw new AppError('CLOCK_SKEW', 'the clock of this host and that of the store disagree', {
      remedy: 'Set both clocks by NTP.',
      details: { behindS: Math.round(behindMs / 1000) },
    });
  }
}

function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  const isBare = url !== null && url.pathname === '/' && url.search === '' && url.username === '';
  if (isBare && ['http:', 'https:'].includes(url.protocol)) return url;
  throw badEndpoint(text);
}

function signerFor(endpoint: URL, { accessKey, secretKey, region }: StoreConfig): Client {
  const useSSL = endpoint.protocol === 'https:';
  try {
    return new Client({
      endPoint: withoutBrackets(endpoint.hostname),
      port: Number(endpoint.port) || (useSSL ? 443 : 80),
      useSSL,
      accessKey,
      secretKey,
      // Without it minio-js asks for the location of every bucket first.
      region,
    });
  } catch (cause) {
    throw badEndpoint(endpoint.origin, cause);
  }
}

/** Of an IPv6 address. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function badEndpoint(text: string, cause?: unknown): AppError {
  return new AppError('BAD_ENDPOINT', `not the address of a store: ${JSON.stringify(text)}`, {
    disposition: 'fatal',
    remedy: 'Give it as http://host:port or https://host, without a path.',
    cause,
  });
}
