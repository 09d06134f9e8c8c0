// The least that would get the same files out of the same messages: pull, GET, the same sharp calls, fsync, ackAck, all in one process.
// No index, no look, no claim, no proof of the volume, no twins. What a crash, a bomb or an overwritten object does to it is not asked.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import type { JsMsg } from '@nats-io/jetstream';
import { Client } from 'minio';
import type { RenderedPicture } from '../../workers/imaging/picture.ts';
import { renderPicture } from '../../workers/imaging/steps.ts';
import { setDirectory } from '../../workers/model/rendition-set.ts';
import { connectNats } from '../../workers/nats/connect.ts';
import { decodeObjectEvent } from '../../workers/pipeline/decode-event.ts';
import { createLog } from '../../workers/platform/log.ts';
import type { LoopSetup } from './loops.ts';
import type { Work } from './loop-child.ts';

const EXPIRES_MS = 4_000;

export async function createPipelineLoop({ presets, limits, inFlight, pipeline }: LoopSetup): Promise<Work> {
  const { natsUrl, stream, consumer: name, store, outputFolder } = pipeline;
  const nats = await connectNats({ url: natsUrl, name: 'bench' }, createLog({ role: 'bench', level: 'silent' }));
  const consumer = await nats.js.consumers.get(stream, name);
  const { hostname, port } = new URL(store.endpoint);
  const { accessKey, secretKey, region } = store;
  const s3 = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey, region });
  const agent = new http.Agent({ keepAlive: true });

  async function render(message: JsMsg): Promise<void> {
    const { bucket, key } = decodeObjectEvent(message.data);
    const bytes = await get(await s3.presignedGetObject(bucket, key, 120), agent);
    const picture = await renderPicture(
      bytes,
      { presets, limits, damaged: 'render', gps: false },
      async () => undefined,
    );
    await write(picture, outputFolder);
    if (!(await message.ackAck())) throw new Error('the ack was not confirmed');
  }

  return async ({ files }) => {
    const running = new Set<Promise<void>>();
    const free = createSemaphore(inFlight);
    let left = files.length;
    while (left > 0) {
      // As the pool does: the next message of each picture in flight is here already when that one ends.
      const room = Math.min(left, 2 * inFlight - running.size);
      if (room === 0) {
        await Promise.race(running);
        continue;
      }
      for await (const message of await consumer.fetch({ max_messages: room, expires: EXPIRES_MS })) {
        left -= 1;
        const one: Promise<void> = free(() => render(message)).finally(() => running.delete(one));
        running.add(one);
      }
    }
    await Promise.all(running);
  };
}

function createSemaphore(size: number): (work: () => Promise<void>) => Promise<void> {
  let free = size;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

function get(url: string, agent: http.Agent): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, (response) => {
      const bytes = Buffer.allocUnsafeSlow(Number(response.headers['content-length']));
      let received = 0;
      response.on('data', (chunk: Buffer) => {
        received += chunk.copy(bytes, received);
      });
      response.on('end', () => {
        if (response.statusCode === 200 && received === bytes.length) resolve(bytes);
        else reject(new Error(`GET answered ${response.statusCode} and ${received} of ${bytes.length} bytes`));
      });
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

async function write({ files, metadata }: RenderedPicture, root: string): Promise<void> {
  const directory = join(root, setDirectory(randomUUID()));
  await mkdir(directory, { recursive: true });
  const renditions = files.map(({ data, ...file }) => ({ ...file, bytes: data.length }));
  const facts = `${JSON.stringify({ metadata, renditions })}\n`;
  await Promise.all(
    [...files, { file: 'facts.json', data: facts }].map(async ({ file, data }) => {
      await using handle = await open(join(directory, file), 'wx');
      await handle.writeFile(data);
      await handle.sync();
    }),
  );
  await using handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}
