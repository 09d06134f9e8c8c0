// Damaged and hostile pictures: rendered and marked where a browser would show most of them, refused with a code everywhere else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { createRandom, paintPhoto } from '../../../workers/imaging/paint.ts';
import { fromPixels } from '../../../workers/imaging/pixels.ts';
import { repairPng } from '../../../workers/imaging/png-repair.ts';
import { renderPicture } from '../../../workers/imaging/steps.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { LIMITS, makeVolume, quadrants, renderToPixels, wish } from './harness.ts';

const noPermit = async () => {};
const photo = fromPixels(await paintPhoto(1000, 750, createRandom(3)));
const share = (bytes: Buffer, of: number) => bytes.subarray(0, Math.floor(bytes.length * of));
const refusedAs = (code: string) => (error: unknown) => isAppError(error, code) && error.disposition === 'refuse';

const JPEG = await photo.clone().jpeg({ quality: 91 }).toBuffer();
const PNG = await photo.clone().png().toBuffer();

for (const part of [0.6, 0.9, 0.999]) {
  test(`a JPEG cut off at ${part * 100} % is rendered and marked damaged`, async () => {
    const { damaged, decodes, width, height } = await renderToPixels(share(JPEG, part), 200);
    assert.deepEqual({ damaged, decodes, width, height }, { damaged: true, decodes: 2, width: 200, height: 150 });
  });
}

for (const part of [0.02, 0.05, 0.4]) {
  test(`a JPEG cut off at ${part * 100} % is refused`, async () => {
    await assert.rejects(renderPicture(share(JPEG, part), wish(), noPermit), refusedAs('NOT_DECODABLE'));
  });
}

test('a turned JPEG is judged by its own rows, not by the ones seen', async () => {
  const turned = await photo.clone().withMetadata({ orientation: 6 }).jpeg({ quality: 91 }).toBuffer();
  assert.equal((await renderToPixels(share(turned, 0.9), 200)).damaged, true);
  await assert.rejects(renderPicture(share(turned, 0.2), wish(), noPermit), refusedAs('NOT_DECODABLE'));
});

test('a progressive JPEG shows most of itself early', async () => {
  const progressive = await photo.clone().jpeg({ quality: 91, progressive: true }).toBuffer();
  assert.equal((await renderToPixels(share(progressive, 0.5), 200)).damaged, true);
  await assert.rejects(renderPicture(share(progressive, 0.02), wish(), noPermit), refusedAs('NOT_DECODABLE'));
});

test('where the configuration says so a damaged picture is refused as such, and a hopeless one as not decodable', async () => {
  await assert.rejects(renderPicture(share(JPEG, 0.9), wish({ damaged: 'refuse' }), noPermit), refusedAs('DAMAGED'));
  await assert.rejects(
    renderPicture(share(JPEG, 0.05), wish({ damaged: 'refuse' }), noPermit),
    refusedAs('NOT_DECODABLE'),
  );
});

test('a PNG cut off at 70 % shows its rows, and then nothing that was in memory before', async () => {
  const { damaged, at } = await renderToPixels(share(PNG, 0.7), 200);
  assert.equal(damaged, true);
  const whole = await renderToPixels(PNG, 200);
  assert.deepEqual(at(100, 20), whole.at(100, 20));
  for (let x = 0; x < 200; x += 1) assert.deepEqual(at(x, 149).slice(0, 3), [0, 0, 0]);
});

test('a PNG cut off at 30 % is refused', async () => {
  await assert.rejects(renderPicture(share(PNG, 0.3), wish(), noPermit), refusedAs('NOT_DECODABLE'));
});

test('a PNG with a wrong checksum is repaired and whole', async () => {
  const bytes = Buffer.from(PNG);
  const last = bytes.length - 13; // the checksum of the last IDAT
  bytes[last] = (bytes[last] ?? 0) ^ 0xff;
  const { damaged, at } = await renderToPixels(bytes, 200);
  assert.equal(damaged, true);
  assert.deepEqual(at(199, 149), (await renderToPixels(PNG, 200)).at(199, 149));
});

test('an interlaced PNG with alpha and a profile is repaired', async () => {
  const bytes = await photo.clone().ensureAlpha(0.9).withIccProfile('p3').png({ progressive: true }).toBuffer();
  const repaired = await repairPng(share(bytes, 0.8));
  assert.ok(repaired && repaired.share > 0.6 && repaired.share < 1);
  const header = await sharp(repaired.bytes).metadata();
  assert.deepEqual([header.width, header.height, header.hasAlpha, header.icc !== undefined], [1000, 750, true, true]);
  assert.equal((await renderToPixels(share(bytes, 0.8), 200)).damaged, true);
  assert.equal((await repairPng(bytes))?.share, 1);
});

for (const format of ['webp', 'avif', 'tiff'] as const) {
  test(`a ${format} that was cut off is refused: nothing shows it`, async () => {
    const bytes = await photo.clone().toFormat(format).toBuffer();
    await assert.rejects(renderPicture(share(bytes, 0.8), wish(), noPermit), refusedAs('NOT_DECODABLE'));
  });
}

test('a TIFF whose strips are missing behind a whole header is refused', async () => {
  const { wrapInTiff } = await import('../../../workers/imaging/tiff.ts');
  const { icc } = await sharp(await photo.clone().withIccProfile('p3').png().toBuffer()).metadata();
  assert.ok(icc);
  const tiff = wrapInTiff({ data: await photo.clone().raw().toBuffer(), width: 1000, height: 750, channels: 3 }, icc);
  assert.equal((await renderToPixels(tiff, 200)).damaged, false);
  await assert.rejects(renderPicture(share(tiff, 0.8), wish(), noPermit), refusedAs('NOT_DECODABLE'));
});

for (const [name, bytes] of [
  ['a JPEG header and zeros', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(4000)])],
  ['a PNG signature alone', PNG.subarray(0, 8)],
  ['a PNG with nothing after its header', PNG.subarray(0, 33)],
  [
    'random bytes behind a WebP signature',
    Buffer.concat([Buffer.from('RIFF\x10\0\0\0WEBP'), Buffer.from('garbage garbage')]),
  ],
  ['a HEIC box and nothing else', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0heicmif1', 'latin1')],
  ['an SVG that ends in the middle', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect')],
] as const) {
  test(`refused as not decodable: ${name}`, async () => {
    await assert.rejects(renderPicture(bytes, wish(), noPermit), refusedAs('NOT_DECODABLE'));
  });
}

test('what is no picture, or none that is known here, says so', async () => {
  await assert.rejects(renderPicture(Buffer.from('hello'), wish(), noPermit), refusedAs('NOT_AN_IMAGE'));
  await assert.rejects(
    renderPicture(Buffer.from('8BPS\0\x01garbage'), wish(), noPermit),
    refusedAs('UNSUPPORTED_FORMAT'),
  );
});

// ── bombs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a PNG that says it has 60,000 × 60,000 pixels is refused by its header', async () => {
  const bytes = await pngHeader(60_000, 60_000);
  await assert.rejects(renderPicture(bytes, wish(), noPermit), refusedAs('IMAGE_TOO_LARGE'));
});

test('a real bomb, 250 MP of nothing in 300 kB, costs no memory', async () => {
  const bytes = await sharp({
    create: { width: 16_000, height: 16_000, channels: 3, background: 'black' },
    limitInputPixels: false,
  })
    .png({ compressionLevel: 9 })
    .toBuffer();
  assert.ok(bytes.length < 1_000_000);
  const before = process.memoryUsage.rss();
  await assert.rejects(renderPicture(bytes, wish(), noPermit), refusedAs('IMAGE_TOO_LARGE'));
  assert.ok(process.memoryUsage.rss() - before < 20_000_000);
});

test('a PNG that inflates to far more than its rows is read no further than they go', async () => {
  const bytes = await pngHeader(10, 10, deflateSync(Buffer.alloc(50_000_000)));
  const repaired = await repairPng(bytes);
  assert.ok(repaired && repaired.bytes.length < 1000);
});

test('more frames than allowed are refused', async () => {
  const page = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const other = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'blue' } })
    .png()
    .toBuffer();
  const pages = Array.from({ length: LIMITS.maxFrames + 1 }, (_, at) => (at % 2 === 0 ? page : other));
  const bytes = await sharp(pages, { join: { animated: true } })
    .gif()
    .toBuffer();
  await assert.rejects(renderPicture(bytes, wish(), noPermit), refusedAs('TOO_MANY_FRAMES'));
});

test('more bytes than allowed are refused', async () => {
  const limits = { ...LIMITS, sourceMaxBytes: 1000 };
  await assert.rejects(renderPicture(JPEG, wish({ limits }), noPermit), refusedAs('SOURCE_TOO_LARGE'));
});

test('an SVG of 40,000 × 40,000 is refused', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="40000" height="40000"/>');
  await assert.rejects(renderPicture(svg, wish(), noPermit), refusedAs('IMAGE_TOO_LARGE'));
});

// ── SVG and the outside ──────────────────────────────────────────────────────────────────────────────────────────────

test('an SVG reaches neither network nor file, not even past our own check', async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using volume = await makeVolume();
  const secret = join(volume.path, 'secret.png');
  await writeFile(secret, await quadrants(40, 40));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const inner = [
      `<image width="40" height="40" href="${url}/a.png"/>`,
      `<image width="40" height="40" href="file://${secret}"/>`,
      `<image width="40" height="40" href="${secret}"/>`,
      `<style>@import "${url}/b.css";</style>`,
      '<text y="20">&secret;</text>',
    ];
    const entity = `<!DOCTYPE svg [<!ENTITY secret SYSTEM "file:///etc/hostname">]>`;
    for (const part of inner) {
      const svg = Buffer.from(
        `${part.includes('&secret;') ? entity : ''}<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" fill="white"/>${part}</svg>`,
      );
      await assert.rejects(
        renderPicture(svg, wish(), noPermit),
        (error) => isAppError(error) && error.code.startsWith('SVG_'),
      );
      // librsvg refuses some of them by itself; the others it draws without what they refer to.
      const drawn = sharp(svg).removeAlpha().stats();
      const { channels } = await drawn.catch(() => ({ channels: [] }));
      assert.ok(
        channels.every(({ min }) => min === 255),
        `something was drawn from ${part}`,
      );
    }
    assert.equal(asked, 0);
  } finally {
    server.close();
    await once(server, 'close');
  }
});

/** A PNG of that size with these pixel data (a few bytes by default), checksums right. */
async function pngHeader(width: number, height: number, data?: Buffer): Promise<Buffer> {
  const { crc32 } = await import('node:zlib');
  const tiny = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const bytes = Buffer.from(tiny);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  if (data === undefined) return bytes;
  const chunk = Buffer.alloc(data.length + 12);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write('IDAT', 4);
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), data.length + 8);
  return Buffer.concat([bytes.subarray(0, 33), chunk, bytes.subarray(-12)]);
}
