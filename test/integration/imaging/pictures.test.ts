// What comes out of a picture: exact sizes, the right side up, the right colours, and nothing that the source said of itself.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { createRandom, paintPhoto } from '../../../workers/imaging/paint.ts';
import { fromPixels } from '../../../workers/imaging/pixels.ts';
import { renderPicture } from '../../../workers/imaging/steps.ts';
import { headerOf, LIMITS, PRESETS, preset, quadrants, renderToPixels, wish } from './harness.ts';

const noPermit = async () => {
  throw new Error('no permit should have been asked for');
};

function assertColour(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  const far = expected.some((value, at) => Math.abs(value - (actual[at] ?? -999)) > tolerance);
  assert.ok(!far, `${JSON.stringify(actual)} is not within ${tolerance} of ${JSON.stringify(expected)}`);
}

const photo = (width: number, height: number) => paintPhoto(width, height, createRandom(5)).then(fromPixels);

test('the three default renditions of a photo have exactly these sizes, from one decode', async () => {
  const bytes = await (await photo(2000, 1333)).jpeg({ quality: 91 }).toBuffer();
  const { files, metadata, decodes, damaged } = await renderPicture(bytes, wish(), noPermit);
  assert.deepEqual(
    files.map(({ preset, file, format, width, height }) => ({ preset, file, format, width, height })),
    [
      { preset: 'large', file: 'large.webp', format: 'webp', width: 1600, height: 1066 },
      { preset: 'medium', file: 'medium.webp', format: 'webp', width: 640, height: 427 },
      { preset: 'thumb', file: 'thumb.webp', format: 'webp', width: 160, height: 107 },
    ],
  );
  for (const file of files) {
    const header = await headerOf(file.data);
    assert.deepEqual([header.format, header.width, header.height], ['webp', file.width, file.height]);
  }
  assert.deepEqual([decodes, damaged], [1, false]);
  assert.deepEqual([metadata.width, metadata.height, metadata.format, metadata.frames], [2000, 1333, 'jpeg', 1]);
  assert.match(metadata.dominantColour, /^#[0-9a-f]{6}$/);
  assert.ok(Buffer.from(metadata.thumbhash, 'base64').length >= 5);
});

test('renditions look like the source resized in one step', async () => {
  const bytes = await (await photo(2000, 1500)).jpeg({ quality: 91 }).toBuffer();
  const { files } = await renderPicture(bytes, wish(), noPermit);
  for (const file of files) {
    const ideal = await sharp(bytes).resize(file.width, file.height).raw().toBuffer();
    const ours = await sharp(file.data).raw().toBuffer();
    assert.ok(meanDifference(ideal, ours) < 5, `${file.preset}: ${meanDifference(ideal, ours)}`);
  }
});

for (let orientation = 1; orientation <= 8; orientation += 1) {
  test(`orientation ${orientation} comes out upright, with the width and height that are seen`, async () => {
    // Stored as a camera would: turned so that the viewer has to turn it back.
    const stored = await storedFor(orientation, await quadrants(480, 320));
    const bytes = await sharp(stored).withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    assert.equal((await headerOf(bytes)).orientation, orientation);

    const { metadata, width, height, at, file } = await renderToPixels(bytes, 96);
    assert.deepEqual([metadata.width, metadata.height, metadata.orientation], [480, 320, orientation]);
    assert.deepEqual([width, height], [96, 64]);
    assertColour(at(4, 4), [200, 30, 30], 12);
    assertColour(at(91, 4), [30, 160, 30], 12);
    assertColour(at(4, 59), [30, 30, 200], 12);
    assertColour(at(91, 59), [240, 240, 240], 12);
    assert.equal((await headerOf(file.data)).orientation, undefined);
  });
}

/** Undoes beforehand what the orientation asks for: mirrored first, then turned, each by itself, as sharp has an order of its own. */
async function storedFor(orientation: number, upright: Buffer): Promise<Buffer> {
  const isMirrored = [2, 4, 5, 7].includes(orientation);
  const turn = { 3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90 }[orientation] ?? 0;
  // 5 is transposed, 7 is transposed along the other diagonal: a mirror left to right, then a quarter turn.
  const mirrored = isMirrored ? await sharp(upright).flop().png().toBuffer() : upright;
  return await sharp(mirrored).rotate(turn).png().toBuffer();
}

for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
  test(`a ${format} is rendered`, async () => {
    const bytes = await sharp(await quadrants(200, 150))
      .toFormat(format)
      .toBuffer();
    const { metadata, width, height, at } = await renderToPixels(bytes, 100);
    assert.deepEqual([metadata.format, metadata.width, metadata.height, width, height], [format, 200, 150, 100, 75]);
    assertColour(at(5, 5), [200, 30, 30], 12);
    assertColour(at(95, 5), [30, 160, 30], 12);
  });
}

for (const format of ['webp', 'avif', 'jpeg', 'png'] as const) {
  test(`a rendition can be ${format}`, async () => {
    const bytes = await sharp(await quadrants(200, 150))
      .png()
      .toBuffer();
    const wanted = [preset('it', 100, { format, effort: format === 'avif' ? 0 : 2 })];
    const { files } = await renderPicture(bytes, wish({ presets: wanted }), noPermit);
    const header = await headerOf(files[0]?.data ?? Buffer.alloc(0));
    assert.deepEqual([header.mediaType, header.width, header.height], [`image/${format}`, 100, 75]);
    assert.equal(files[0]?.file, format === 'jpeg' ? 'it.jpg' : `it.${format}`);
  });
}

test('presets of any size and format come from one decode; a cover preset is the middle square', async () => {
  const bytes = await sharp(await quadrants(1200, 400))
    .png()
    .toBuffer();
  const presets = [
    preset('wide', 900, { format: 'jpeg' }),
    preset('square', 300, { fit: 'cover', format: 'png' }),
    preset('huge', 5000, { format: 'webp' }),
    preset('icon', 16, { fit: 'cover', format: 'png' }),
  ];
  const { files, decodes } = await renderPicture(bytes, wish({ presets }), noPermit);
  assert.equal(decodes, 1);
  assert.deepEqual(Object.fromEntries(files.map(({ preset, width, height }) => [preset, [width, height]])), {
    huge: [1200, 400],
    wide: [900, 300],
    square: [300, 300],
    icon: [16, 16],
  });
  const square = files.find(({ preset }) => preset === 'square');
  const { data, info } = await sharp(square?.data).raw().toBuffer({ resolveWithObject: true });
  assertColour([...data.subarray(0, 3)], [200, 30, 30], 6);
  assertColour([...data.subarray((info.width - 1) * info.channels)], [30, 160, 30], 6);
});

test('a source without presets still tells what it is', async () => {
  const { files, metadata } = await renderPicture(await quadrants(800, 600), wish({ presets: [] }), noPermit);
  assert.equal(files.length, 0);
  assert.deepEqual([metadata.width, metadata.height], [800, 600]);
  assert.ok(metadata.thumbhash.length > 0);
});

test('a picture of one pixel, and one of one row, are rendered and not enlarged', async () => {
  const one = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  assert.deepEqual(
    (await renderPicture(one, wish(), noPermit)).files.map((file) => [file.width, file.height]),
    [
      [1, 1],
      [1, 1],
      [1, 1],
    ],
  );
  const row = await sharp({ create: { width: 3000, height: 1, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  assert.deepEqual(
    (await renderPicture(row, wish(), noPermit)).files.map((file) => [file.width, file.height]),
    [
      [1600, 1],
      [640, 1],
      [160, 1],
    ],
  );
});

const SRGB_RED = { create: { width: 64, height: 48, channels: 3 as const, background: { r: 200, g: 60, b: 20 } } };

const P3: [string, Sharp][] = [
  ['JPEG', sharp(SRGB_RED).withIccProfile('p3').jpeg({ quality: 100 })],
  ['PNG', sharp(SRGB_RED).withIccProfile('p3').png()],
  ['WebP', sharp(SRGB_RED).withIccProfile('p3').webp({ lossless: true })],
  ['TIFF', sharp(SRGB_RED).withIccProfile('p3').tiff()],
  ['AVIF', sharp(SRGB_RED).withIccProfile('p3').avif({ quality: 95, effort: 0 })],
  ['PNG of 16 bits', sharp(SRGB_RED).toColourspace('rgb16').withIccProfile('p3').png()],
  ['PNG with alpha', sharp(SRGB_RED).ensureAlpha(1).withIccProfile('p3').png()],
];

for (const [name, pipeline] of P3) {
  test(`Display P3 becomes sRGB: ${name}`, async () => {
    const bytes = await pipeline.toBuffer();
    // The file must hold other numbers than the ones expected, or this would prove nothing.
    const stored = await sharp(bytes, { ignoreIcc: true }).removeAlpha().toColourspace('srgb').raw().toBuffer();
    assertColour([...stored.subarray(0, 3)], [184, 70, 37], 4);

    const { metadata, at, file } = await renderToPixels(bytes, 32);
    assertColour(at(10, 10).slice(0, 3), [200, 60, 20], 3);
    assert.equal(metadata.colourSpace, 'display-p3');
    assert.equal((await headerOf(file.data)).icc, undefined);
  });
}

test('a Display P3 photo looks as if it had been converted before it was resized', async () => {
  const bytes = await (await photo(1200, 900)).withIccProfile('p3').jpeg({ quality: 95 }).toBuffer();
  const { file, decodes } = await renderToPixels(bytes, 480);
  assert.equal(decodes, 1);
  const reference = await sharp(bytes).resize(480, 360).raw().toBuffer();
  const ours = await sharp(file.data).raw().toBuffer();
  const plain = await sharp(bytes, { ignoreIcc: true }).resize(480, 360).raw().toBuffer();
  assert.ok(meanDifference(reference, ours) < 1, String(meanDifference(reference, ours)));
  assert.ok(
    meanDifference(reference, plain) > 3 * meanDifference(reference, ours),
    'the conversion makes a difference',
  );
});

test('CMYK, with and without a profile, becomes sRGB', async () => {
  const withProfile = await sharp(SRGB_RED).withIccProfile('cmyk').jpeg({ quality: 100 }).toBuffer();
  const without = await sharp(SRGB_RED).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
  for (const bytes of [withProfile, without]) {
    assert.equal((await headerOf(bytes)).space, 'cmyk');
    const { metadata, at, channels } = await renderToPixels(bytes, 32);
    assert.equal(channels, 3);
    assert.equal(metadata.colourSpace, 'cmyk');
    assertColour(at(10, 10), [200, 60, 20], 25);
  }
});

const PLAIN: [string, Sharp, number[]][] = [
  ['16 bits', sharp(SRGB_RED).toColourspace('rgb16').png(), [200, 60, 20]],
  ['grey', sharp(SRGB_RED).toColourspace('b-w').png(), [110, 110, 110]],
  ['grey of 16 bits', sharp(SRGB_RED).toColourspace('grey16').png(), [110, 110, 110]],
  ['a palette', sharp(SRGB_RED).png({ palette: true }), [200, 60, 20]],
  ['Lab', sharp(SRGB_RED).toColourspace('lab').tiff(), [200, 60, 20]],
];

for (const [name, pipeline, expected] of PLAIN) {
  test(`colours are right: ${name}`, async () => {
    const { at } = await renderToPixels(await pipeline.toBuffer(), 32);
    assertColour(at(10, 10).slice(0, 3), expected, 2);
  });
}

test('alpha is kept where the format has it, and becomes white where it has not', async () => {
  const bytes = await sharp({
    create: { width: 64, height: 48, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  })
    .png()
    .toBuffer();
  const presets = [preset('clear', 32, { format: 'png' }), preset('solid', 32, { format: 'jpeg' })];
  const { files, metadata } = await renderPicture(bytes, wish({ presets }), noPermit);
  assert.equal(metadata.hasAlpha, true);
  const [clear, solid] = await Promise.all(
    files.map(async ({ data }) => [...(await sharp(data).raw().toBuffer()).subarray(0, 4)]),
  );
  assert.equal(clear?.[3], 0);
  assertColour(solid?.slice(0, 3) ?? [], [255, 255, 255], 1);
});

test('a half-transparent edge keeps its colour through the pyramid', async () => {
  const bytes = await sharp(SRGB_RED).ensureAlpha(0.5).png().toBuffer();
  const { at } = await renderToPixels(bytes, 32, { presets: [preset('thumb', 16, { format: 'png' })] });
  assertColour(at(5, 5), [200, 60, 20, 128], 4);
});

test('renditions carry no EXIF, no position, no XMP and no profile', async () => {
  const xmp =
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>';
  const bytes = await sharp(SRGB_RED)
    .withIccProfile('p3')
    .withExif({
      IFD0: { Make: 'Secretcam', Copyright: 'Secretname' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '48/1 8/1 0/1' },
    })
    .withXmp(xmp)
    .jpeg()
    .toBuffer();
  const header = await headerOf(bytes);
  assert.ok(header.exif && header.xmp && header.icc);
  const presets = (['webp', 'avif', 'jpeg', 'png'] as const).map((format) => preset(format, 32, { format, effort: 0 }));
  const { files } = await renderPicture(bytes, wish({ presets, gps: true }), noPermit);
  assert.equal(files.length, 4);
  for (const { data, preset } of files) {
    const { exif, xmp, icc, iptc } = await headerOf(data);
    assert.deepEqual(
      { exif, xmp, icc, iptc },
      { exif: undefined, xmp: undefined, icc: undefined, iptc: undefined },
      preset,
    );
    assert.ok(!data.includes('Secret'), preset);
  }
});

test('EXIF facts are read; the position only when it is asked for', async () => {
  const bytes = await sharp(SRGB_RED)
    .withExif({
      IFD0: { Make: 'Mill\u0007', Model: 'Race 1' },
      IFD2: {
        LensModel: '35mm F2',
        ExposureTime: '1/250',
        FNumber: '28/10',
        ISOSpeedRatings: '400',
        FocalLength: '35/1',
        DateTimeOriginal: '2026:05:06 07:08:09',
        OffsetTimeOriginal: '+02:00',
      },
      IFD3: {
        GPSLatitudeRef: 'S',
        GPSLatitude: '33/1 30/1 0/1',
        GPSLongitudeRef: 'E',
        GPSLongitude: '151/1 15/1 36/1',
      },
    })
    .jpeg()
    .toBuffer();
  const facts = {
    cameraMake: 'Mill',
    cameraModel: 'Race 1',
    lens: '35mm F2',
    exposureS: 0.004,
    aperture: 2.8,
    iso: 400,
    focalLengthMm: 35,
    takenAt: '2026-05-06T07:08:09+02:00',
  };
  assert.deepEqual((await renderToPixels(bytes, 32)).metadata.exif, facts);
  assert.deepEqual((await renderToPixels(bytes, 32, { gps: true })).metadata.exif, {
    ...facts,
    gps: { latitude: -33.5, longitude: 151.26 },
  });
});

test('EXIF that is garbage refuses nothing', async () => {
  const bytes = await sharp(SRGB_RED)
    .withExif({ IFD0: { Make: 'Mill' } })
    .jpeg()
    .toBuffer();
  const at = bytes.indexOf('Exif\0\0');
  assert.ok(at > 0);
  bytes.fill(0xee, at + 14, at + 30);
  const { metadata } = await renderToPixels(bytes, 32);
  assert.equal(metadata.width, 64);
});

test('the first frame of an animation is rendered, and its frames are counted', async () => {
  const frame = (background: string) => ({ create: { width: 40, height: 30, channels: 3 as const, background } });
  const pages = await Promise.all(
    ['#c81e1e', '#1ea01e', '#1e1ec8'].map((colour) => sharp(frame(colour)).png().toBuffer()),
  );
  for (const format of ['gif', 'webp'] as const) {
    const bytes = await sharp(pages, { join: { animated: true } })
      .toFormat(format)
      .toBuffer();
    const { metadata, at, width, height } = await renderToPixels(bytes, 20);
    assert.deepEqual([metadata.frames, metadata.width, metadata.height, width, height], [3, 40, 30, 20, 15], format);
    assertColour(at(5, 5).slice(0, 3), [200, 30, 30], 12);
  }
});

test('an SVG is rendered at its own size or smaller', async () => {
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><rect width="400" height="300" fill="#c83c14"/></svg>',
  );
  const { metadata, width, height, at } = await renderToPixels(svg, 100);
  assert.deepEqual([metadata.format, metadata.width, metadata.height, width, height], ['svg', 400, 300, 100, 75]);
  assertColour(at(10, 10), [200, 60, 20, 255], 1);
});

const fixture = (name: string) => readFile(new URL(`../../fixtures/pictures/${name}`, import.meta.url));

test('HEIC from a phone: turned once and not twice, Display P3 made sRGB', async () => {
  const { metadata, width, height, at, channels, decodes } = await renderToPixels(await fixture('turned-p3.heic'), 48);
  assert.deepEqual(
    [metadata.format, metadata.width, metadata.height, metadata.colourSpace],
    ['heic', 64, 96, 'display-p3'],
  );
  assert.deepEqual([width, height, channels, decodes], [32, 48, 3, 1]);
  assertColour(at(28, 3), [200, 60, 20], 6);
  assertColour(at(3, 44), [128, 128, 128], 6);
  assert.deepEqual(metadata.exif, { cameraMake: 'Mill', cameraModel: 'Race 1', takenAt: '2024-05-06T07:08:09' });
});

test('HEIC with alpha keeps it, and of several pictures the primary one is taken', async () => {
  const clear = await renderToPixels(await fixture('half-transparent.heic'), 48);
  assert.deepEqual([clear.metadata.hasAlpha, clear.channels], [true, 4]);
  assertColour(clear.at(3, 3), [184, 70, 37, 128], 6);
  const primary = await renderToPixels(await fixture('second-is-primary.heic'), 48);
  assert.deepEqual([primary.metadata.width, primary.metadata.height, primary.metadata.frames], [32, 48, 2]);
  assertColour(primary.at(10, 10), [10, 200, 30], 8);
});

test('a permit is asked for above the limit for large pictures, before the decode', async () => {
  const limits = { ...LIMITS, largePictureMegapixels: 0.01 };
  let asked = 0;
  const bytes = await quadrants(200, 150);
  await renderPicture(bytes, wish({ presets: PRESETS, limits }), async () => void (asked += 1));
  assert.equal(asked, 1);
  await assert.rejects(
    renderPicture(bytes.subarray(0, 300), wish({ limits }), () => Promise.reject(new Error('not now'))),
    /not now/,
  );
});

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += Math.abs((a[at] ?? 0) - (b[at] ?? 0));
  return sum / a.length;
}
