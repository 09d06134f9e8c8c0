// Runs one test file in a process of its own and gathers what its tests said.
import { run } from 'node:test';
import { inspect } from 'node:util';

export interface TestFailure {
  readonly name: string;
  /** `test/unit/x.test.ts:12`. */
  readonly where: string;
  readonly error: string;
}

export interface FileReport {
  readonly passed: number;
  readonly failures: readonly TestFailure[];
  /** File, name and reason of each. */
  readonly skipped: readonly string[];
  /** The last of it. */
  readonly stderr: string;
  readonly durationMs: number;
}

const STDERR_CHARACTERS_KEPT = 4000;

/** A file that does not end within `timeoutMs` is killed, and is a failure even where all its tests passed: something of it would run on. */
export async function runFile(file: string, path: string, timeoutMs: number): Promise<FileReport> {
  const startedMs = performance.now();
  const failures: TestFailure[] = [];
  const skipped: string[] = [];
  let passed = 0;
  let stderr = '';
  const overdue = new AbortController();
  const timer = setTimeout(() => overdue.abort(), timeoutMs);
  try {
    for await (const { type, data } of run({ files: [path], isolation: 'process', signal: overdue.signal })) {
      if (type === 'test:stderr') stderr = (stderr + data.message).slice(-STDERR_CHARACTERS_KEPT);
      else if (type === 'test:pass') {
        if (data.skip !== undefined || data.todo !== undefined) {
          const reason = [data.skip, data.todo].find((why) => typeof why === 'string');
          skipped.push(`${file}  ${data.name}${reason === undefined ? '' : `  (${reason})`}`);
        } else if (data.details.type !== 'suite') passed += 1;
      } else if (type === 'test:fail') {
        const { error, type: kind } = data.details;
        // A suite that fails because one of its tests did, which was told before; a file that was killed, which is told below.
        if ((kind === 'suite' && failureType(error) === 'subtestsFailed') || overdue.signal.aborted) continue;
        failures.push({ name: data.name, where: `${file}:${data.line ?? 1}`, error: inspect(thrown(error)) });
      }
    }
  } finally {
    clearTimeout(timer);
  }
  if (overdue.signal.aborted) {
    const error = `not over after ${timeoutMs / 1000} s, killed: a test hangs, or leaves a timer, a server or a child behind`;
    failures.push({ name: 'the whole file', where: `${file}:1`, error });
  }
  return { passed, failures, skipped, stderr: stderr.trimEnd(), durationMs: performance.now() - startedMs };
}

function failureType(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'failureType' in error ? error.failureType : undefined;
}

/** node:test wraps what a test threw. */
function thrown(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined && failureType(error) !== undefined ? error.cause : error;
}
