import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { compareKeys } from '../../../workers/model/object-ref.ts';
import { type RealStore, startRealStore } from './real-store.ts';

describe('a listing of a real MinIO', () => {
  let world: RealStore;
  const store = 'main';

  before(async () => {
    world = await startRealStore();
  });
  after(() => world.close());

  test('goes on over pages, and tells of each object what a look tells', async () => {
    const bucket = 'pages';
    const numbers = Array.from({ length: 1050 }, (_, n) => n);
    await inParallel(16, numbers, (n) => world.put({ store, bucket, key: keyOf(n) }, `${n}`));
    const listed = await Array.fromAsync(world.objects.list(bucket, ''));
    assert.deepEqual(
      listed.map(({ key }) => key),
      numbers.map(keyOf).sort(compareKeys),
    );
    await inParallel(16, listed, async ({ key, etag, modifiedAtS, sizeBytes }) => {
      const sighting = await world.objects.look({ store, bucket, key });
      assert.ok(sighting.kind === 'present');
      const { version } = sighting;
      assert.deepEqual([etag, modifiedAtS, sizeBytes], [version.etag, version.modifiedAtS, version.sizeBytes]);
    });
  });

  test('begins behind a key, be it there or not, and goes on over pages', async () => {
    const bucket = 'pages';
    const all = (await Array.fromAsync(world.objects.list(bucket, ''))).map(({ key }) => key);
    for (const after of [all[0] ?? '', all[30] ?? '', `${all[500] ?? ''}\u{1f600}`, all.at(-1) ?? '']) {
      const rest = await Array.fromAsync(world.objects.list(bucket, '', after));
      assert.deepEqual(
        rest.map(({ key }) => key),
        all.filter((key) => compareKeys(key, after) > 0),
      );
    }
  });

  test('left after its first object, asks for no second page', async () => {
    const bucket = 'pages';
    let asked = 0;
    for await (const { key } of world.objects.list(bucket, 'n+')) {
      asked += 1;
      assert.ok(key.startsWith('n+'));
      if (asked === 3) break;
    }
    assert.equal(asked, 3);
  });

  test('orders neighbours by their bytes: separators, and what UTF-16 would order otherwise', async () => {
    const bucket = 'neighbours';
    const keys = [
      'a-b',
      'a.b',
      'a/b',
      'a0b',
      'ab',
      'a b',
      'a/b-c',
      'a/b.c',
      'A',
      '~',
      'é',
      '\uffe6',
      '\uffff',
      '\u{10000}',
      '\u{1f600}',
      '\u{10ffff}',
    ];
    for (const key of keys) await world.put({ store, bucket, key }, 'x');
    const listed = await Array.fromAsync(world.objects.list(bucket, ''));
    assert.deepEqual(
      listed.map(({ key }) => key),
      [...keys].sort(compareKeys),
    );
  });

  test('does not have what lies below a key that is an object itself, though a look sees it', async () => {
    const bucket = 'hidden';
    for (const key of ['a', 'a/b']) await world.put({ store, bucket, key }, 'x');
    const listed = await Array.fromAsync(world.objects.list(bucket, ''));
    assert.deepEqual(
      listed.map(({ key }) => key),
      ['a'],
    );
    assert.equal((await world.objects.look({ store, bucket, key: 'a/b' })).kind, 'present');
  });
});

function keyOf(n: number): string {
  return `${'nN'[n % 2]}+${n % 7 ? '' : '\u{1f600}/'}${n}%`;
}

async function inParallel<T>(lanes: number, items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  // One iterator for all: each lane takes the next.
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of rest) await task(item);
    }),
  );
}
