import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cacheFolder, findBinary } from '../../../workers/local/binaries.ts';
import { goInstall, isOlder } from '../../../workers/local/go-install.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { type TempDir, tempDir } from '../../harness/temp-dir.ts';

const NATS_CACHED = 'nats-server-v2.15.2';

/** A machine with an empty cache, whose PATH holds the given programs (shell scripts) and the system's own. */
async function machine(dir: TempDir, programs: Record<string, string>) {
  const bin = join(dir.path, 'bin');
  await mkdir(bin);
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return { PATH: bin, XDG_CACHE_HOME: join(dir.path, 'cache'), HOME: dir.path };
}

// A go that notes its environment and arguments, and "builds" an empty program.
const FAKE_GO = `
if [ "$1" = env ]; then echo go1.26.3; exit 0; fi
echo "$@ GOFLAGS=$GOFLAGS CGO_ENABLED=$CGO_ENABLED GOTOOLCHAIN=$GOTOOLCHAIN" >> "$HOME/builds"
echo 'go: downloading example.com/one v1.0.0' >&2
echo 'example.com/one' >&2
echo '#!/bin/sh' > "$GOBIN/nats-server"
/bin/chmod 755 "$GOBIN/nats-server"`;

test('a nats-server on the PATH is used when it is new enough', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, { 'nats-server': 'echo nats-server: v2.14.6' });
  assert.equal(await findBinary('nats-server', { env }), join(env.PATH, 'nats-server'));
});

test('an older nats-server on the PATH is passed over for one that is built', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, { 'nats-server': 'echo nats-server: v2.10.27', go: FAKE_GO });
  assert.equal(await findBinary('nats-server', { env }), join(cacheFolder(env), 'bin', NATS_CACHED));
});

test('a minio on the PATH is used when it runs', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, { minio: 'exit 0' });
  assert.equal(await findBinary('minio', { env }), join(env.PATH, 'minio'));
});

for (const [what, programs] of [
  ['no compiler', {}],
  ['an old compiler', { go: 'echo go1.23.9' }],
] as const) {
  test(`${what} and no programs: one error that names both ways out`, async () => {
    await using dir = await tempDir();
    const env = await machine(dir, programs);
    for (const name of ['minio', 'nats-server'] as const) {
      await assert.rejects(findBinary(name, { env }), (error) => {
        assert.ok(isAppError(error, 'GO_MISSING'));
        assert.match(error.message, new RegExp(name));
        assert.match(error.remedy ?? '', /Install Go 1\.24 or newer.*docker compose up/);
        return true;
      });
    }
    assert.deepEqual(await readdir(join(cacheFolder(env), 'bin')), []);
  });
}

test('a program is built once, however many ask for it at the same time', async () => {
  await using dir = await tempDir();
  const env = { ...(await machine(dir, { go: FAKE_GO })), GOFLAGS: '-mod=vendor' };
  const lines: string[] = [];
  const asked = Array.from({ length: 5 }, () =>
    findBinary('nats-server', { env, onProgress: (line) => lines.push(line) }),
  );
  const cache = join(cacheFolder(env), 'bin');
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([join(cache, NATS_CACHED)]));
  assert.equal(
    await readFile(join(dir.path, 'builds'), 'utf8'),
    'install -v github.com/nats-io/nats-server/v2@v2.15.2 GOFLAGS=-mod=mod CGO_ENABLED=0 GOTOOLCHAIN=local\n',
  );
  assert.deepEqual(await readdir(cache), [NATS_CACHED]);
  assert.match(lines.join('\n'), /building github\.com\/nats-io\/nats-server\/v2@v2\.15\.2 with go 1\.26\.3/);
  assert.match(lines.join('\n'), /: \d+ s, 1 packages/);
  assert.equal(await findBinary('nats-server', { env }), join(cache, NATS_CACHED));
});

test('a compiler older than the program wants fetches the newer one', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, { go: FAKE_GO.replace('go1.26.3', 'go1.24.0') });
  await findBinary('nats-server', { env });
  assert.match(await readFile(join(dir.path, 'builds'), 'utf8'), /GOTOOLCHAIN=auto/);
});

test('what was left of a killed build does no harm', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, { go: FAKE_GO });
  const cache = join(cacheFolder(env), 'bin');
  await mkdir(join(cache, `${NATS_CACHED}.building-abcdef`), { recursive: true });
  await writeFile(
    join(cache, `${NATS_CACHED}.lock`),
    JSON.stringify({ pid: process.pid, startedAt: 'before', command: 'x' }),
  );
  await findBinary('nats-server', { env });
  assert.deepEqual(await readdir(cache), [NATS_CACHED]);
});

test('a build that fails says what the compiler said and what to look at', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, {
    go: 'if [ "$1" = env ]; then echo go1.26.3; else echo no route to proxy >&2; exit 1; fi',
  });
  await assert.rejects(findBinary('minio', { env }), (error) => {
    assert.ok(isAppError(error, 'BUILD_FAILED'));
    assert.match(error.message, /no route to proxy/);
    assert.match(error.remedy ?? '', /GOPROXY/);
    return true;
  });
  assert.deepEqual(await readdir(join(cacheFolder(env), 'bin')), []);
});

test('a build ends when it is aborted', async () => {
  await using dir = await tempDir();
  const env = await machine(dir, { go: 'if [ "$1" = env ]; then echo go1.26.3; else exec /bin/sleep 60; fi' });
  const stop = new AbortController();
  const building = goInstall(
    { path: 'example.com/slow', version: 'v1.0.0', goVersion: '1.24' },
    dir.path,
    () => stop.abort(),
    {
      env,
      signal: stop.signal,
    },
  );
  await assert.rejects(building, { name: 'AbortError' });
});

test('versions are compared as numbers', () => {
  assert.equal(isOlder('2.9.10', '2.14.6'), true);
  assert.equal(isOlder('2.14.6', '2.14.6'), false);
  assert.equal(isOlder('1.24', '1.24.0'), false);
  assert.equal(isOlder('1.26.8', '1.24'), false);
});
