import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns } from '../../../workers/roles/turns.ts';

test('works of one name run one after the other in the order of asking, also after one that failed', async () => {
  const turns = createTurns();
  const said: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take('a', async () => {
    said.push('first begins');
    await gate.promise;
    said.push('first fails');
    throw new Error('on purpose');
  });
  const second = turns.take('a', async () => said.push('second'));
  const third = turns.take('a', async () => said.push('third'));
  await turns.take('b', async () => said.push('another name waits for nobody'));
  gate.resolve();
  await assert.rejects(first, /on purpose/);
  await Promise.all([second, third]);
  assert.deepEqual(said, ['first begins', 'another name waits for nobody', 'first fails', 'second', 'third']);
});

test('a name that nobody holds any more is begun at once, and the result is the work’s own', async () => {
  const turns = createTurns();
  assert.equal(await turns.take('a', async () => 1), 1);
  let began = false;
  const work = turns.take('a', async () => {
    began = true;
    return 2;
  });
  assert.ok(began);
  assert.equal(await work, 2);
});
