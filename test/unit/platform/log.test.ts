import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Log as PipelineLog } from '../../../workers/pipeline/ports.ts';
import { AppError } from '../../../workers/platform/errors.ts';
import { createLog, type LogOptions } from '../../../workers/platform/log.ts';

function recorded(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({
    role: 'processor',
    host: 'h1',
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') };
}

test('a line is JSON with role, host, pid, level, time, the keys, and a constant message', () => {
  const { log, last } = recorded();
  log.child({ bucket: 'images', key: 'a.jpg' }).info({ streamSeq: 7 }, 'committed');
  const { time, ...line } = last();
  assert.ok(!Number.isNaN(Date.parse(time)));
  assert.deepEqual(line, {
    level: 'info',
    role: 'processor',
    host: 'h1',
    pid: process.pid,
    bucket: 'images',
    key: 'a.jpg',
    streamSeq: 7,
    msg: 'committed',
  });
});

test('it is the log that the pipeline asks for', () => {
  const { log, lines } = recorded({ level: 'warn' });
  const asked: PipelineLog = log;
  asked.debug({}, 'no');
  asked.info({}, 'no');
  asked.warn({}, 'yes');
  asked.error({}, 'yes');
  assert.equal(lines.length, 2);
});

test('an error brings its code, its remedy, its stack and every cause', () => {
  const { log, last } = recorded();
  const root = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' });
  const middle = new AppError('STORE_AWAY', 'the store does not answer', {
    cause: root,
    remedy: 'Start it.',
    details: { bucket: 'b' },
  });
  log.error({ err: new Error('render failed', { cause: middle }) }, 'gave up');
  const { err } = last();
  assert.equal(err.message, 'render failed');
  assert.equal(err.code, 'UNKNOWN');
  assert.match(err.stack, /log\.test\.ts/);
  assert.deepEqual(
    err.causes.map(({ code, message, remedy }: Record<string, string>) => [code, message, remedy]),
    [
      ['STORE_AWAY', 'the store does not answer', 'Start it.'],
      ['ECONNREFUSED', 'connect refused', undefined],
    ],
  );
});

test('errors that are not Errors, aggregates and circles are told too', () => {
  const { log, last } = recorded();
  log.error({ err: 'just text' }, 'x');
  assert.equal(last().err.message, 'just text');
  log.error({ err: new AggregateError([new AppError('A', 'a'), new Error('b')], 'both') }, 'x');
  assert.deepEqual(
    last().err.errors.map((each: { code: string }) => each.code),
    ['A', 'UNKNOWN'],
  );
  const circle = new Error('round');
  circle.cause = circle;
  log.error({ err: circle }, 'x');
  assert.equal(last().err.message, 'round');
});

test('I9: secrets do not reach a line: under their keys, in URLs, in errors, and wherever a configured one stands', () => {
  const { log, lines } = recorded({ secrets: ['configured-secret-1'] });
  const secret = 'hunter2hunter2';
  log.info({ secretKey: secret, nats: { password: secret }, deep: { deeper: { deepest: { token: secret } } } }, 'keys');
  log.info({ url: `http://s3/x?X-Amz-Signature=${secret}`, servers: [`nats://u:${secret}@h`] }, 'urls');
  log.warn(
    { err: new Error(`cannot reach postgres://u:${secret}@db/x`, { cause: new Error(`Bearer ${secret}`) }) },
    'errors',
  );
  log.error({ note: 'it was configured-secret-1, they said' }, 'configured');
  log.child({ authorization: secret }).info({}, 'bindings');
  const all = lines.join('');
  assert.equal(lines.length, 5);
  for (const line of lines) assert.doesNotThrow(() => JSON.parse(line));
  assert.ok(!all.includes(secret) && !all.includes('configured-secret-1'), all);
});
