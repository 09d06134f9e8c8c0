// Finds the test files and runs them: each in its own process, a few side by side, one line per file, every failure again at the end.
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';

export interface TestRun {
  readonly root: string;
  /** Parts of paths: files that contain one of them; none: all. */
  readonly filters: readonly string[];
  readonly concurrency: number;
  /** Of one file: a test that hangs fails here instead of taking the whole run along. */
  readonly fileTimeoutMs: number;
  readonly print: (line: string) => void;
}

export interface TestTally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Real servers need cores of their own: a run of as many files as cores makes tests that wait for them miss their deadlines. */
export function usualConcurrency(cores: number = availableParallelism()): number {
  return Math.max(2, Math.floor(cores / 2));
}

interface FileReport {
  tests: number;
  failed: number;
  readonly stderr: string[];
}

interface Failure {
  readonly file: string;
  readonly name: string;
  readonly where: string;
  readonly error: string;
}

const STDERR_LINES_KEPT = 40;

/** No test file found is a failure: a filter that was mistyped must not look green. */
export async function runTests({ root, filters, concurrency, fileTimeoutMs, print }: TestRun): Promise<TestTally> {
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
  if (files.length === 0) {
    print(`no test file matches ${filters.join(' ')}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const reports = new Map<string, FileReport>();
  const failures: Failure[] = [];
  const skipped: string[] = [];
  let passed = 0;

  function reportOf(path: string | undefined): FileReport {
    const file = relative(root, path ?? '');
    const report = reports.get(file) ?? { tests: 0, failed: 0, stderr: [] };
    reports.set(file, report);
    return report;
  }

  const events = run({ files: files.map((file) => `${root}/${file}`), concurrency, timeout: fileTimeoutMs });
  for await (const event of events) {
    if (event.type === 'test:stderr') {
      const { stderr } = reportOf(event.data.file);
      stderr.push(event.data.message);
      stderr.splice(0, stderr.length - STDERR_LINES_KEPT);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { data } = event;
      const report = reportOf(data.file);
      const file = relative(root, data.file ?? '');
      if (event.type === 'test:fail') {
        // A suite fails because one of its tests did, which was told before.
        if (data.details.type === 'suite' && causeOf(data.details.error) === 'subtestsFailed') continue;
        const where = `${file}:${data.line ?? 1}`;
        failures.push({ file, name: data.name, where, error: inspect(rootOf(data.details.error)) });
        report.tests += 1;
        report.failed += 1;
        print(`FAILED  ${where}  ${data.name}`);
      } else if (data.skip !== undefined || data.todo !== undefined) {
        const reason = [data.skip, data.todo].find((why) => typeof why === 'string');
        skipped.push(`${file}  ${data.name}${reason === undefined ? '' : `  (${reason})`}`);
      } else if (data.details.type !== 'suite') {
        passed += 1;
        report.tests += 1;
      }
    } else if (event.type === 'test:summary' && event.data.file !== undefined) {
      const { tests, failed } = reportOf(event.data.file);
      const seconds = (event.data.duration_ms / 1000).toFixed(1);
      print(`${failed === 0 ? 'ok     ' : 'FAILED '} ${relative(root, event.data.file)}  ${tests} tests, ${seconds} s`);
    }
  }

  for (const { file, name, where, error } of failures) {
    print(`\n── ${where}\n   ${name}\n${error}`);
    const stderr = reports.get(file)?.stderr.join('').trimEnd() ?? '';
    if (stderr !== '') print(`   stderr of the file, its end:\n${stderr}`);
  }
  if (skipped.length > 0) print(`\nskipped, not tested:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
  return { passed, failed: failures.length, skipped: skipped.length };
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'failureType' in error ? error.failureType : undefined;
}

/** node:test wraps what a test threw. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined && causeOf(error) !== undefined ? error.cause : error;
}
