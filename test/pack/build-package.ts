// Before `npm pack`: dist/ with the workers as JavaScript, since Node strips no types below node_modules. What runs is line by line what is written.
import { cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const FROM = join(ROOT, 'workers');
const TO = join(ROOT, 'dist');

/** Paths of our own modules, in imports and in `new URL('./x.ts', import.meta.url)`, and the name of main.ts. */
const OWN_MODULE = /(['"])((?:\.{1,2}\/[^'"\n]*|main))\.ts\1/g;

/** Runs on every Node, to say so where it is too old to read the rest. */
const BIN = `#!/usr/bin/env node
const wanted = 24;
if (Number(process.versions.node.split('.')[0]) >= wanted) await import('./main.js');
else {
  process.stderr.write(\`millrace needs Node \${wanted} or newer, this is \${process.versions.node}\\n\`);
  process.exitCode = 1;
}
`;

await rm(TO, { recursive: true, force: true });
for await (const file of glob('**/*', { cwd: FROM, withFileTypes: true })) {
  if (!file.isFile() || /\.(?:d\.ts|md)$/.test(file.name)) continue;
  const source = join(file.parentPath, file.name);
  const target = join(TO, source.slice(FROM.length).replace(/\.ts$/, '.js'));
  await mkdir(dirname(target), { recursive: true });
  if (!file.name.endsWith('.ts')) await cp(source, target);
  else await writeFile(target, javaScriptOf(await readFile(source, 'utf8'), source));
}
await writeFile(join(TO, 'millrace.js'), BIN, { mode: 0o755 });

function javaScriptOf(typeScript: string, file: string): string {
  const code = stripTypeScriptTypes(typeScript, { mode: 'strip' }).replace(OWN_MODULE, '$1$2.js$1');
  // A path written in another way would be missed, and found by whoever installs the package.
  const missed = /['"`/][^'"`\n]*\.ts['"`]/.exec(code.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, ''));
  if (missed !== null) throw new Error(`${file}: ${missed[0]} is not understood as the path of a module`);
  return code;
}
