// Finds the test files and runs them: each in its own process, a few side by side, one line per file, every failure again at the end.
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runFile } from './test-file.ts';

export interface TestRun {
  readonly root: string;
  /** Parts of paths: files that contain one of them; none: all. */
  readonly filters: readonly string[];
  readonly concurrency: number;
  /** Of one file: a test that hangs, or a handle that stays open, fails here instead of taking the whole run along. */
  readonly fileTimeoutMs: number;
  readonly print: (line: string) => void;
}

export interface TestTally {
  readonly passed: number;
  readonly failed: number;
}

/** Real servers need cores of their own: with as many files as cores, tests that wait for servers miss their deadlines. */
export function usualConcurrency(cores: number = availableParallelism()): number {
  return Math.max(2, Math.floor(cores / 2));
}

/** No test file found is a failure: a filter that was mistyped must not look green. */
export async function runTests({ root, filters, concurrency, fileTimeoutMs, print }: TestRun): Promise<TestTally> {
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
  if (files.length === 0) {
    print(`no test file matches ${filters.join(' ')}`);
    return { passed: 0, failed: 1 };
  }
  const waiting = files.values();
  const lanes = Array.from({ length: concurrency }, async () => {
    const reports = [];
    for (const file of waiting) {
      const report = await runFile(file, join(root, file), fileTimeoutMs);
      const { passed, failures, skipped, durationMs } = report;
      for (const { where, name } of failures) print(`FAILED   ${where}  ${name}`);
      const counts = `${passed} passed${skipped.length === 0 ? '' : `, ${skipped.length} skipped`}`;
      print(`${failures.length === 0 ? 'ok    ' : 'FAILED'}   ${file}  ${counts}, ${(durationMs / 1000).toFixed(1)} s`);
      reports.push(report);
    }
    return reports;
  });
  const reports = (await Promise.all(lanes)).flat();

  for (const { failures, stderr } of reports) {
    for (const { where, name, error } of failures) print(`\n── ${where}\n   ${name}\n${error}`);
    if (failures.length > 0 && stderr !== '') print(`   stderr of the file, its end:\n${stderr}`);
  }
  const skipped = reports.flatMap((report) => report.skipped);
  if (skipped.length > 0) print(`\nskipped, not tested:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
  return {
    passed: reports.reduce((sum, { passed }) => sum + passed, 0),
    failed: reports.reduce((sum, { failures }) => sum + failures.length, 0),
  };
}
