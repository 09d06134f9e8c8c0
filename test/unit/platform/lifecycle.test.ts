import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../../../workers/platform/errors.ts';
import { createLifecycle, runPhases } from '../../../workers/platform/lifecycle.ts';
import { createLog } from '../../../workers/platform/log.ts';

const log = createLog({ role: 'test', level: 'silent' });

test('starting → running → draining → stopped; the first request drains, the second forces', () => {
  const life = createLifecycle(log);
  assert.equal(life.state, 'starting');
  life.running();
  assert.equal(life.state, 'running');
  life.requestStop('SIGTERM');
  assert.equal(life.state, 'draining');
  assert.ok(life.stopping.aborted && !life.forced.aborted);
  life.running();
  assert.equal(life.state, 'draining', 'a start that finishes late does not undo the stop');
  life.requestStop('SIGINT');
  assert.ok(life.forced.aborted);
  life.ended('stopped');
  life.ended('failed');
  assert.equal(life.state, 'stopped');
});

test('every phase runs, in order, also after one that failed and one that overran; all errors are told', async () => {
  const ran: string[] = [];
  const overran = Promise.withResolvers<void>();
  const phases = [
    { name: 'stop fetching', deadlineMs: 1000, run: async () => void ran.push('fetch') },
    { name: 'hand back', deadlineMs: 1000, run: () => Promise.reject(new Error('nats is away')) },
    {
      name: 'finish renders',
      deadlineMs: 5,
      run: (signal: AbortSignal) => {
        signal.addEventListener('abort', () => overran.resolve());
        return new Promise<void>(() => {}); // never settles
      },
    },
    { name: 'close', deadlineMs: 1000, run: async () => void ran.push('close') },
  ];
  const error = await runPhases(phases, log).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  await overran.promise;
  assert.deepEqual(ran, ['fetch', 'close']);
  assert.ok(isAppError(error, 'SHUTDOWN_INCOMPLETE') && error.cause instanceof AggregateError);
  assert.deepEqual(
    error.cause.errors.map((each: Error) => each.message),
    ['nats is away', 'finish renders took longer than 5 ms'],
  );
});

test('phases that are fine throw nothing', async () => {
  await runPhases([{ name: 'one', deadlineMs: 10, run: async () => {} }], log);
});
