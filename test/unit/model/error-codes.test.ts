import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { test } from 'node:test';
import { codeOf, filesBelow } from '../../architecture/imports.ts';
import { ERRORS_PAGE, errorsPage } from '../../tools/errors-page.ts';
import { ERROR_AREAS, errorCode } from '../../../workers/model/error-codes.ts';

const CATALOGUE = 'workers/model/error-codes.ts';
const codes = ERROR_AREAS.flatMap((area) => area.codes);

/** Written like a code, and none. */
const NOT_CODES: Readonly<Record<string, string>> = {
  DEAD_LETTERS: 'a stream',
  LIVE_CREATED: 'a notification target',
  LIVE_REMOVED: 'a notification target',
  JOURNAL_CREATED: 'a notification target',
  JOURNAL_REMOVED: 'a notification target',
  QUEUE_DIR: "a setting of MinIO's",
  QUEUE_LIMIT: "a setting of MinIO's",
  LD_LIBRARY_PATH: 'an environment variable',
  NODE_EXTRA_CA_CERTS: 'an environment variable',
  SSL_CERT_FILE: 'an environment variable',
  SSL_CERT_DIR: 'an environment variable',
  PG_VERSION: 'a file',
  MODULE_NOT_FOUND: "a code of Node's",
};

/** Codes made of a prefix and something known only at run time. */
const FAMILIES: Readonly<Record<string, string>> = {
  'HTTP_${': 'HTTP_<status>',
  'JETSTREAM_${': 'JETSTREAM_<number>',
  'SOURCE_${': 'SOURCE_<finding>',
};
const NOT_FAMILIES = ['KV_${', 'MILLRACE_${', 'MINIO_NOTIFY_NATS_${', '_INBOX_${'];

const SNAKE = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g;
/** A single word is a code only where it is raised or remembered. */
const RAISED = /(?:Error\(\s*|\bcode: |\bending\('[a-z-]+', |\bending\('[a-z-]+', [^']*\? )'([A-Z][A-Z0-9]*)'/g;
const FAMILY = /`([A-Z_]+_\$\{)/g;

function found(pattern: RegExp): Map<string, string> {
  const seen = new Map<string, string>();
  for (const file of filesBelow('workers')) {
    if (file === CATALOGUE) continue;
    for (const [, text = ''] of codeOf(file).matchAll(pattern)) seen.set(text, file);
  }
  return seen;
}

function isOurs(code: string): boolean {
  const isOfNode = code in constants.errno || code.startsWith('ERR_');
  return !code.startsWith('MILLRACE_') && !isOfNode && !Object.hasOwn(NOT_CODES, code);
}

test('every code that is raised is in the catalogue', () => {
  const missing = [...found(SNAKE), ...found(RAISED)].filter(
    ([code]) => isOurs(code) && errorCode(code)?.code !== code,
  );
  assert.deepEqual(
    missing.map(([code, file]) => `${code} of ${file}`),
    [],
    `a new code needs its line in ${CATALOGUE}, and npm run -s docs; what is no code goes into NOT_CODES of this test`,
  );
  assert.ok(found(SNAKE).size > 100 && found(RAISED).has('CHANGED') && found(RAISED).has('STOPPING'));
});

test('families of codes are in the catalogue', () => {
  const families = [...found(FAMILY).keys()].filter((prefix) => !NOT_FAMILIES.includes(prefix)).sort();
  assert.deepEqual(families, Object.keys(FAMILIES).sort());
  for (const family of Object.values(FAMILIES)) assert.ok(codes.some(({ code }) => code === family));
  assert.equal(errorCode('HTTP_503')?.code, 'HTTP_<status>');
  assert.equal(errorCode('JETSTREAM_10052')?.code, 'JETSTREAM_<number>');
  assert.equal(errorCode('SOURCE_NEW')?.code, 'SOURCE_<finding>');
  assert.equal(errorCode('ENOSPC')?.code, '<errno>');
  assert.equal(errorCode('no code'), null);
});

test('the catalogue has no code that nothing raises', () => {
  const raised = new Set([...found(SNAKE).keys(), ...found(RAISED).keys(), ...found(/'([A-Z]+)'/g).keys()]);
  const idle = codes.filter(({ code }) => !code.includes('<') && !raised.has(code));
  assert.deepEqual(
    idle.map(({ code }) => code),
    [],
  );
});

test('each code stands there once, with a sentence and what helps', () => {
  const names = codes.map(({ code }) => code);
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
  for (const { code, meaning, remedy } of codes) {
    assert.match(meaning, /^\S.*\.$/, code);
    assert.match(remedy, /^\S.*\.$/, code);
  }
});

test('config/ERRORS.md is what npm run -s docs makes of the catalogue', async () => {
  assert.equal(await readFile(ERRORS_PAGE, 'utf8'), errorsPage());
});
