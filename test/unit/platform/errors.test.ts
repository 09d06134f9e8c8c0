import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, chainOf, codeOf, isAppError, messageOf } from '../../../workers/platform/errors.ts';

test('the chain names every cause, whatever was thrown', () => {
  const inner = new AggregateError([new Error('v4 refused'), new Error('v6 refused')], '');
  assert.equal(chainOf(new AppError('X', 'no store', { cause: inner })), 'no store: v4 refused; v6 refused');
  assert.equal(chainOf(new Error('a', { cause: 'b' })), 'a: b');
  assert.equal(messageOf({ a: 1 }), '{ a: 1 }');
  assert.equal(messageOf(Object.assign(new Error(''), { code: 'ENOSPC' })), 'ENOSPC');
});

test('codes come from ours, from Node and from drivers', () => {
  assert.equal(codeOf(new AppError('MINE', 'm')), 'MINE');
  assert.equal(codeOf(Object.assign(new Error('x'), { code: 10071 })), '10071');
  assert.equal(codeOf(null), 'UNKNOWN');
  assert.ok(
    isAppError(new AppError('MINE', 'm'), 'MINE') &&
      !isAppError(new Error('m')) &&
      !isAppError(new AppError('A', 'm'), 'B'),
  );
});
