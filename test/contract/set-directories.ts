// What every implementation of the port SetDirectories does, the one on a real volume and the one in memory alike.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { FACTS_FILE } from '../../workers/model/rendition-set.ts';
import type { FoundSet, SetDirectories } from '../../workers/pipeline/ports.ts';
import { codeOf } from '../../workers/platform/errors.ts';

/** The port, and the hands of a renderer and of an operator beside it. */
export interface SetDirectoriesUnderTest {
  readonly directories: SetDirectories;
  /** What the port expects to find. */
  readonly volumeId: string;
  readonly indexId: string;
  /** Makes the set's directory with these files in it. */
  make(setId: string, files: readonly string[]): Promise<void>;
  has(setId: string): Promise<boolean>;
  /** As if so much time had passed. */
  advance(ms: number): Promise<void>;
  /** Null takes the marker away. */
  mark(marker: { readonly volumeId: string; readonly indexId: string } | null): Promise<void>;
  close(): Promise<void>;
}

const MINUTE_MS = 60_000;

/** Registers the suite; `open` gives an empty, proven volume. */
export function setDirectoriesContract(name: string, open: () => Promise<SetDirectoriesUnderTest>): void {
  describe(`set directories: ${name}`, () => {
    let volume: SetDirectoriesUnderTest;
    beforeEach(async () => {
      volume = await open();
    });
    afterEach(() => volume.close());

    const listed = async (): Promise<Map<string, FoundSet>> => {
      const found = new Map<string, FoundSet>();
      for await (const set of volume.directories.list()) {
        assert.equal(found.has(set.setId), false, `${set.setId} is listed once`);
        found.set(set.setId, set);
      }
      return found;
    };

    test('an empty volume lists nothing', async () => {
      assert.equal((await listed()).size, 0);
    });

    test('every set is listed, and complete only with its facts', async () => {
      const [whole, half, empty] = [randomUUID(), randomUUID(), randomUUID()];
      await volume.make(whole, ['large.webp', FACTS_FILE]);
      await volume.make(half, ['large.webp']);
      await volume.make(empty, []);
      const found = await listed();
      assert.deepEqual(
        [whole, half, empty].map((setId) => found.get(setId)?.complete),
        [true, false, false],
      );
      assert.equal(found.size, 3);
    });

    test('the age is that of the newest change', async () => {
      const [old, young] = [randomUUID(), randomUUID()];
      await volume.make(old, ['large.webp', FACTS_FILE]);
      await volume.advance(10 * MINUTE_MS);
      await volume.make(young, []);
      await volume.advance(MINUTE_MS);
      const found = await listed();
      assert.ok((found.get(old)?.ageMs ?? 0) >= 11 * MINUTE_MS);
      const age = found.get(young)?.ageMs ?? 0;
      assert.ok(age >= MINUTE_MS && age < 2 * MINUTE_MS, `${age} ms`);
    });

    test('a removed set is gone and no other', async () => {
      const [doomed, kept] = [randomUUID(), randomUUID()];
      await volume.make(doomed, ['large.webp', 'thumb.webp', FACTS_FILE]);
      await volume.make(kept, [FACTS_FILE]);
      await volume.directories.remove(doomed);
      assert.equal(await volume.has(doomed), false);
      assert.equal(await volume.has(kept), true);
      assert.deepEqual([...(await listed()).keys()], [kept]);
    });

    test('removing what is not there, or not there any more, is no error', async () => {
      const setId = randomUUID();
      await volume.directories.remove(setId);
      await volume.make(setId, [FACTS_FILE]);
      await volume.directories.remove(setId);
      await volume.directories.remove(setId);
      assert.equal(await volume.has(setId), false);
    });

    const strangers = [
      ['without a marker', () => null, ['NO_MARKER', 'WRONG_VOLUME']],
      ['of another volume', () => ({ volumeId: randomUUID(), indexId: volume.indexId }), ['WRONG_VOLUME']],
      ['of another index', () => ({ volumeId: volume.volumeId, indexId: randomUUID() }), ['WRONG_INDEX']],
    ] as const;
    for (const [what, marker, codes] of strangers) {
      test(`I7: on a root ${what} nothing is listed or removed`, async () => {
        const setId = randomUUID();
        await volume.make(setId, [FACTS_FILE]);
        await volume.mark(marker());
        const refused = (error: unknown) => (codes as readonly string[]).includes(codeOf(error));
        await assert.rejects(listed(), refused);
        await assert.rejects(volume.directories.remove(setId), refused);
        assert.equal(await volume.has(setId), true);
      });
    }
  });
}
