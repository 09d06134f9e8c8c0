import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { openObjects, type ObjectStore } from '../../../workers/objects/open-objects.ts';
import { openStore } from '../../../workers/objects/signed-request.ts';
import { isAppError } from '../../../workers/platform/errors.ts';

/** What MinIO never answers, or not at our command. */
describe('a store that answers otherwise', () => {
  const opened = new Set<() => void>();
  afterEach(() => {
    for (const close of opened) close();
    opened.clear();
  });

  async function storeThat(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    timeoutMs = 10_000,
  ): Promise<{ objects: ObjectStore; server: Server }> {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const objects = openObjects({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      accessKey: 'key',
      secretKey: 'secret',
      timeoutMs,
    });
    opened.add(() => {
      objects[Symbol.dispose]();
      server.close();
      server.closeAllConnections();
    });
    return { objects, server };
  }

  const ref = { store: 'main', bucket: 'photos', key: 'cat.jpg' };
  const errorXml = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;
  const isTag = (request: IncomingMessage) => request.url?.startsWith('/photos?tagging=') === true;

  function answerWith(response: ServerResponse, status: number, body = '', headers: Record<string, string> = {}): void {
    response.writeHead(status, headers).end(body);
  }

  test('without a reason in the header of a HEAD, the body of a GET tells it', async () => {
    const answers: [code: string, status: number, expected: object][] = [
      ['NoSuchKey', 404, { kind: 'gone', sourceTag: 'source-1' }],
      ['NoSuchBucket', 404, { kind: 'trouble', code: 'NO_SUCH_BUCKET' }],
      ['AccessDenied', 403, { kind: 'trouble', code: 'ACCESS_DENIED' }],
    ];
    for (const [code, status, expected] of answers) {
      const { objects } = await storeThat((request, response) => {
        if (request.method === 'HEAD') return answerWith(response, 404);
        if (isTag(request))
          return answerWith(response, 200, '<Tag><Key>millrace-source</Key><Value>source-1</Value></Tag>');
        assert.equal(request.headers.range, 'bytes=0-0');
        answerWith(response, status, errorXml(code));
      });
      assert.deepEqual(await objects.look(ref), expected);
    }
  });

  test('a 404 without any reason proves nothing', async () => {
    const { objects } = await storeThat((request, response) => {
      if (isTag(request)) return answerWith(response, 404, errorXml('NoSuchTagSet'));
      answerWith(response, 404, '<html>not found</html>');
    });
    await assert.rejects(
      objects.look(ref),
      (error) => isAppError(error, 'STORE_REFUSED') && error.disposition === 'retry',
    );
  });

  test('an object that comes between the two questions is not gone', async () => {
    const { objects } = await storeThat((request, response) =>
      answerWith(response, request.method === 'HEAD' ? 404 : 206, 'x'),
    );
    await assert.rejects(objects.look(ref), (error) => isAppError(error, 'STORE_UNAVAILABLE'));
  });

  test('where the tag may not be read the source is in trouble', async () => {
    const { objects } = await storeThat((request, response) => {
      if (isTag(request)) return answerWith(response, 403, errorXml('AccessDenied'));
      answerWith(response, 404, '', { 'x-minio-error-code': 'NoSuchKey' });
    });
    assert.deepEqual(await objects.look(ref), { kind: 'trouble', code: 'ACCESS_DENIED' });
  });

  test('what a store says while it is overloaded or starting is no answer about an object', async () => {
    for (const status of [408, 429, 500, 502, 503, 504]) {
      const { objects } = await storeThat((_request, response) => answerWith(response, status, errorXml('SlowDown')));
      const unavailable = (error: unknown) => isAppError(error, 'STORE_UNAVAILABLE') && error.disposition === 'retry';
      await assert.rejects(objects.look(ref), unavailable);
      await assert.rejects(objects.sourceTag('photos'), unavailable);
      await assert.rejects(Array.fromAsync(objects.list('photos', '')), unavailable);
    }
  });

  test('a 403 for a signature out of its time is no locked door', async () => {
    for (const hours of [-2, 2]) {
      const { objects } = await storeThat((_request, response) => {
        const date = new Date(Date.now() + hours * 3_600_000).toUTCString();
        answerWith(response, 403, '', { date, 'x-minio-error-code': 'AccessDenied' });
      });
      await assert.rejects(
        objects.look(ref),
        (error) => isAppError(error, 'CLOCK_SKEW') && error.disposition === 'retry',
      );
    }
  });

  test('a connection that is cut with the request on it is tried once more if it lay idle, and only then', async () => {
    const seen: Socket[] = [];
    const { objects } = await storeThat((request, response) => {
      // The second request on a connection finds it cut, as after an idle time.
      if (seen.includes(request.socket)) return void request.socket.destroy();
      seen.push(request.socket);
      answerWith(response, 200, '', {
        etag: '"e"',
        'last-modified': 'Sat, 21 Nov 2026 15:05:00 GMT',
        'content-length': '0',
      });
    });
    for (let round = 0; round < 3; round += 1) assert.equal((await objects.look(ref)).kind, 'present');

    const dead = await storeThat((request) => void request.socket.destroy());
    await assert.rejects(dead.objects.look(ref), (error) => isAppError(error, 'STORE_UNAVAILABLE'));
  });

  test('an answer that begins and does not end is given up after its time, on a new connection and on a used one', async () => {
    let requests = 0;
    const { objects } = await storeThat((_request, response) => {
      requests += 1;
      if (requests === 1) return answerWith(response, 404, errorXml('NoSuchTagSet'));
      response.writeHead(200, { 'content-length': '100' });
      response.write('<Tag>');
    }, 100);
    assert.equal(await objects.sourceTag('photos'), null);
    for (let n = 2; n < 4; n += 1) {
      await assert.rejects(
        objects.sourceTag('photos'),
        (error) => isAppError(error, 'STORE_UNAVAILABLE') && /in time/.test(error.message),
      );
      assert.equal(requests, n);
    }
  });

  const entry = (key: string, extra = '') =>
    `<Contents><Key>${key}</Key><LastModified>2026-11-21T15:05:00.999Z</LastModified><ETag>&#34;e&#34;</ETag><Size>1</Size>${extra}</Contents>`;
  const page = (...inside: string[]) =>
    `<?xml version="1.0"?><ListBucketResult xmlns="x">${inside.join('')}</ListBucketResult>`;

  test('a listing in another order than that of the bytes is refused', async () => {
    for (const keys of [
      ['b', 'a'],
      ['a', 'a'],
      ['\u{1f600}', '\uffe6'],
      ['a', 'B'],
    ]) {
      const { objects } = await storeThat((_request, response) =>
        answerWith(response, 200, page(...keys.map((key) => entry(key)))),
      );
      await assert.rejects(
        Array.fromAsync(objects.list('photos', '')),
        (error) => isAppError(error, 'LISTING_OUT_OF_ORDER') && error.disposition === 'refuse',
      );
    }
  });

  test('a listing goes on over an empty page, and its order is watched from page to page', async () => {
    const pages: Record<string, string> = {
      '': page(entry('a'), '<IsTruncated>true</IsTruncated><NextContinuationToken>1+/=&amp;</NextContinuationToken>'),
      '1+/=&': page('<IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>'),
      2: page(
        entry('b', '<Owner><ID>1</ID></Owner>'),
        '<IsTruncated>true</IsTruncated><NextContinuationToken>3</NextContinuationToken>',
      ),
      3: page(entry('a'), '<IsTruncated>false</IsTruncated>'),
    };
    const { objects } = await storeThat((request, response) => {
      const token = new URL(request.url ?? '', 'http://store').searchParams.get('continuation-token') ?? '';
      answerWith(response, 200, pages[token]);
    });
    const seen: string[] = [];
    await assert.rejects(
      async () => {
        for await (const { key } of objects.list('photos', '')) seen.push(key);
      },
      (error) => isAppError(error, 'LISTING_OUT_OF_ORDER'),
    );
    assert.deepEqual(seen, ['a', 'b']);
  });

  test('a listing that is cut short, goes in circles or leaves something out is an error, never a short listing', async () => {
    const more = '<IsTruncated>true</IsTruncated>';
    const broken = [
      '',
      '<html></html>',
      page(entry('a')).slice(0, -20),
      page(entry('a'), more),
      page(more, '<NextContinuationToken>same</NextContinuationToken>'),
      page(entry('a').replace(/<ETag>.*<\/ETag>/, '')),
      page(entry('a').replace('2026', 'when')),
      page('<EncodingType>url</EncodingType>', entry('100%')),
    ];
    for (const body of broken) {
      const { objects } = await storeThat((_request, response) => answerWith(response, 200, body));
      await assert.rejects(
        Array.fromAsync(objects.list('photos', '')),
        (error) => isAppError(error, 'LISTING_BROKEN'),
        body,
      );
    }
  });

  test('keys are decoded only where the store says that it encoded them', async () => {
    for (const [encoding, key] of [
      ['<EncodingType>url</EncodingType>', 'a b+c'],
      ['', 'a+b%2Bc'],
    ] as const) {
      const { objects } = await storeThat((_request, response) =>
        answerWith(response, 200, page(encoding, entry('a+b%2Bc'))),
      );
      assert.deepEqual(await Array.fromAsync(objects.list('photos', '')), [
        { key, etag: 'e', modifiedAtS: Date.parse('2026-11-21T15:05:00Z') / 1000, sizeBytes: 1 },
      ]);
    }
  });

  test('what is no address of a store is refused at once', () => {
    for (const endpoint of [
      '',
      'minio:9000',
      'ftp://minio',
      'http://minio/path',
      'http://key:secret@minio',
      'http://minio/?x',
    ]) {
      assert.throws(
        () => openStore({ endpoint, region: 'us-east-1', accessKey: 'key', secretKey: 'secret' }),
        (error) => isAppError(error, 'BAD_ENDPOINT'),
        endpoint,
      );
    }
  });
});
