import assert from 'node:assert/strict';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCredentials } from '../../../workers/local/credentials.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { tempDir } from '../../harness/temp-dir.ts';

test('credentials are made once for a data folder, each its own, readable by the owner alone', async () => {
  await using dir = await tempDir();
  const folder = join(dir.path, 'new', 'data');
  const first = await openCredentials(folder);
  assert.deepEqual(await openCredentials(folder), first);
  assert.equal((await stat(join(folder, 'credentials.json'))).mode & 0o777, 0o600);
  const passwords = [first.s3, first.nats, first.postgres].map(({ password }) => password);
  assert.equal(new Set(passwords).size, 3);
  for (const password of passwords) assert.match(password, /^[0-9a-f]{40}$/);
  assert.notDeepEqual(await openCredentials(join(dir.path, 'another')), first);
});

test('credentials that are damaged are refused without quoting them', async () => {
  await using dir = await tempDir();
  await openCredentials(dir.path);
  const path = join(dir.path, 'credentials.json');
  const text = await readFile(path, 'utf8');
  const secret = JSON.parse(text).s3.password;
  for (const damaged of [text.slice(0, -10), text.replace('"nats"', '"gnats"')]) {
    await writeFile(path, damaged);
    await assert.rejects(openCredentials(dir.path), (error) => {
      assert.ok(isAppError(error, 'CREDENTIALS_UNREADABLE'));
      assert.doesNotMatch(JSON.stringify(error) + String(error.stack) + String(error.cause), new RegExp(secret));
      return true;
    });
  }
});

test('new credentials are not invented for a database that was made with others', async () => {
  await using dir = await tempDir();
  await openCredentials(dir.path);
  await rm(join(dir.path, 'credentials.json'));
  await mkdir(join(dir.path, 'postgres'));
  await assert.rejects(openCredentials(dir.path), (error) => isAppError(error, 'CREDENTIALS_MISSING'));
});
