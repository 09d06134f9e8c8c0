import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { shareRead } from '../../../workers/objects/shared-read.ts';

/** Reads that end when the test says so. */
function reads() {
  const begun: PromiseWithResolvers<number>[] = [];
  const ask = shareRead(() => {
    const read = Promise.withResolvers<number>();
    begun.push(read);
    return read.promise;
  });
  const end = async (index: number) => {
    begun[index]?.resolve(index);
    await new Promise(setImmediate);
  };
  return { begun, ask, end };
}

test('who asks while a read runs gets the next one, and shares it', async () => {
  const { begun, ask, end } = reads();
  const first = ask();
  const second = ask();
  const third = ask();
  assert.equal(begun.length, 1);
  await end(0);
  assert.equal(begun.length, 2);
  const fourth = ask();
  await end(1);
  await end(2);
  assert.deepEqual(await Promise.all([first, second, third, fourth]), [0, 1, 1, 2]);
});

test('after a pause a read begins at once', async () => {
  const { begun, ask, end } = reads();
  const first = ask();
  await end(0);
  await first;
  const second = ask();
  assert.equal(begun.length, 2);
  await end(1);
  assert.equal(await second, 1);
});

test('a read that fails fails those who asked for it, and nobody else', async () => {
  const { begun, ask, end } = reads();
  const first = ask();
  const second = ask();
  begun[0]?.reject(new Error('away'));
  await assert.rejects(first, /away/);
  await end(1);
  assert.equal(await second, 1);
});

test('no answer comes from a read that began before its asker asked, and at most one runs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('ask', 'end'), { maxLength: 30 }), async (steps) => {
      const { begun, ask, end } = reads();
      const answers: Promise<void>[] = [];
      let ended = 0;
      for (const step of steps) {
        if (step === 'ask') {
          const before = begun.length;
          answers.push(
            ask().then((read) => assert.ok(read >= before, `asked when ${before} reads had begun, got read ${read}`)),
          );
        } else if (ended < begun.length) await end(ended++);
        assert.ok(begun.length - ended <= 1);
      }
      while (ended < begun.length) await end(ended++);
      await Promise.all(answers);
    }),
  );
});
