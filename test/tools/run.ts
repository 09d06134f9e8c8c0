// npm test: all tests, or those whose path contains an argument (`npm test -- unit/cli`). Its last line is `N passed, N failed`.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runTests, usualConcurrency } from './tests.ts';

const FILE_TIMEOUT_MS = 300_000;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { concurrency: { type: 'string' }, root: { type: 'string' }, 'file-timeout-ms': { type: 'string' } },
});
const { passed, failed } = await runTests({
  root: values.root ?? join(import.meta.dirname, '..', '..'),
  filters: positionals,
  concurrency: values.concurrency === undefined ? usualConcurrency() : Number(values.concurrency),
  fileTimeoutMs: Number(values['file-timeout-ms'] ?? FILE_TIMEOUT_MS),
  print: (line) => console.log(line),
});
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
