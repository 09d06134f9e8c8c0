// Runs one command line and answers with its exit code: 0 fine, 1 an expected failure told on stderr, 2 not a command.
import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import type { CliDeps, Io } from './deps.ts';
import { createOutput } from './output.ts';
import { createProgram, packageFile } from './program.ts';

export async function runCli(io: Io, deps: CliDeps): Promise<number> {
  const output = createOutput(io.stdout);
  let code = 0;
  try {
    const { version } = JSON.parse(await readFile(packageFile(io.home), 'utf8')) as { readonly version: string };
    const program = createProgram({ io, deps, output }, version, (exitCode) => {
      code = exitCode;
    });
    for (const command of [program, ...program.commands.flatMap((child) => [child, ...child.commands])]) {
      command.exitOverride().showHelpAfterError('(--help shows how)');
      command.configureOutput({
        writeOut: (text) => void io.stdout.write(text),
        writeErr: (text) => void io.stderr.write(text),
      });
    }
    await program.parseAsync([...io.args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has told why
    const { tellFailure } = await import('./failure.ts');
    return tellFailure(error, io);
  } finally {
    await output.flush();
  }
  return code;
}
