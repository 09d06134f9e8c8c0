import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderError, makePrivateFolder, writePrivateFile } from '../../../workers/local/folder.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { tempDir } from '../../harness/temp-dir.ts';

function failedWith(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test('a full disk and a folder that cannot be written are named with the remedy', () => {
  for (const [code, ours] of [
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EROFS', 'DATA_DIR_UNUSABLE'],
    ['EACCES', 'DATA_DIR_UNUSABLE'],
  ] as const) {
    const error = folderError(failedWith(code), '/data');
    assert.ok(isAppError(error, ours), code);
    assert.match(error.message, /\/data/);
    assert.match(error.remedy ?? '', /--data DIR/);
    assert.equal(error.disposition, 'fatal');
  }
});

test('another error is passed on as it is', () => {
  const error = failedWith('EMFILE');
  assert.equal(folderError(error, '/data'), error);
});

test('a file where the data folder should be is an error that names it', async () => {
  await using dir = await tempDir();
  const path = join(dir.path, 'data');
  await writeFile(path, 'a file');
  await assert.rejects(makePrivateFolder(path), (error) => isAppError(error, 'DATA_DIR_UNUSABLE'));
  await assert.rejects(writePrivateFile(join(path, 'stack.json'), '{}'), (error) =>
    isAppError(error, 'DATA_DIR_UNUSABLE'),
  );
});
