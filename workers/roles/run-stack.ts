// `npm start`: the local stack with our own roles, provisioning and demo in it. Wiring, nothing else.
import { join } from 'node:path';
import type { StackRequest, StackRun } from '../cli/deps.ts';
import type { StackInfo } from '../local/stack-file.ts';
import type { RoleCommand, RoleRequest } from '../local/role-process.ts';
import type { Configuration } from '../model/configuration.ts';
import { demo } from './demo.ts';
import { provisionBuckets, provisionIndexAndStreams } from './provision.ts';
import { runStack as superviseStack, type StackSite } from './stack.ts';

export async function runStack(request: StackRequest, { configure, print, log, signal, env }: StackRun): Promise<void> {
  let configuration: Configuration | undefined;
  let volumes: StackInfo['volumes'] = [];

  /** Each tier of the configuration has one volume in the data folder. */
  async function configured({ folder, s3, nats, postgres }: StackSite): Promise<Configuration> {
    const connections = { s3: { ...s3, bucket: '' }, nats: { url: nats.url }, postgres: { url: postgres.url } };
    const { tiers } = await configure({ ...connections, volumes: [] });
    const places = Object.keys(tiers).map((tier) => ({ id: '', tier, path: join(folder, 'volumes', tier) }));
    return configure({ ...connections, volumes: places });
  }

  await superviseStack(
    request,
    {
      print,
      async provisionStreams(site) {
        configuration = await configured(site);
        ({ volumes } = await provisionIndexAndStreams(configuration, { log, signal }));
      },
      async provisionStore(site) {
        configuration ??= await configured(site);
        const { withheld } = await provisionBuckets(configuration, { log, signal });
        for (const left of withheld) print(`Left as it is: ${left}. See millrace provision --help.`);
        return { bucket: configuration.sources[0]?.bucket ?? '', volumes };
      },
      roleCommand: (role, info) => roleCommand(role, info, env),
      async demo(info) {
        if (configuration !== undefined) {
          await demo(configuration, { folder: request.folder, bucket: info.s3.bucket, log, signal, print });
        }
      },
    },
    signal,
  );
}

const MAIN = join(import.meta.dirname, '..', 'main.ts');

/** What the stack was given in its own environment goes on to its roles; its servers win. */
function roleCommand(
  { kind, port }: RoleRequest,
  { s3, nats, postgres, volumes }: StackInfo,
  env: StackRun['env'],
): RoleCommand {
  const given = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith('MILLRACE_') && value !== undefined ? [[name, value] as const] : [],
  );
  return {
    command: process.execPath,
    args: [MAIN, kind],
    env: {
      ...Object.fromEntries(given),
      MILLRACE_STORE_ENDPOINT: s3.endpoint,
      MILLRACE_STORE_ACCESS_KEY: s3.accessKey,
      MILLRACE_STORE_SECRET_KEY: s3.secretKey,
      MILLRACE_STORE_REGION: s3.region,
      MILLRACE_NATS_URL: nats.url,
      MILLRACE_DATABASE_URL: postgres.url,
      MILLRACE_VOLUMES: volumes.map(({ tier, path }) => `${tier}:${path}`).join(','),
      [`MILLRACE_${kind.toUpperCase()}_HEALTH_PORT`]: String(port),
    },
  };
}
