// npm run check: format, lint with types, compiler, architecture, unused exports: side by side, each with its time; under a minute in all.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'node_modules', '.bin');

const CHECKS = {
  format: ['biome', 'format'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  types: ['tsc', '-p', '.'],
  // By node itself: a runner that swallowed failures would swallow those of its own test too.
  architecture: ['node', '--test', 'test/architecture/*.test.ts', 'test/unit/tools/*.test.ts'],
  unused: ['knip', '--no-progress'],
} satisfies Record<string, readonly [string, ...string[]]>;

async function check([program, ...args]: readonly string[]): Promise<{ ok: boolean; text: string; seconds: string }> {
  const startedMs = performance.now();
  const child = spawn(join(BIN, program ?? ''), args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const { promise, resolve } = Promise.withResolvers<boolean>();
  child.once('close', (code) => resolve(code === 0));
  child.once('error', (error) => {
    chunks.push(Buffer.from(`${error.message}\n`));
    resolve(false);
  });
  const ok = await promise;
  return { ok, text: Buffer.concat(chunks).toString(), seconds: ((performance.now() - startedMs) / 1000).toFixed(1) };
}

const results = await Promise.all(
  Object.entries(CHECKS).map(async ([name, command]) => {
    const { ok, text, seconds } = await check(command);
    console.log(`${ok ? 'ok     ' : 'FAILED '} ${name.padEnd(14)}${seconds} s`);
    return { name, ok, text };
  }),
);
for (const { name, ok, text } of results) if (!ok) console.log(`\n── ${name}\n${text.trimEnd()}`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
