// The docker engine and compose, as the proof uses them: one project with a name, ports and secrets of its own, in an unmodified compose file.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(import.meta.dirname, '..', '..');

const run = promisify(execFile);

export interface Project {
  readonly name: string;
  /** Values for the variables of docker-compose.yml; a .env of whoever runs this is not read. */
  readonly env: Readonly<Record<string, string>>;
}

export interface ContainerState {
  readonly id: string;
  readonly service: string;
  /** `running`, `exited` … */
  readonly state: string;
  /** `healthy`, `starting` …; empty for a service without a health check. */
  readonly health: string;
  readonly exitCode: number;
}

/** Of `docker` with these arguments. Rejects with what it said. */
export async function docker(...args: string[]): Promise<string> {
  return (await execute(args, process.env)).trim();
}

/** Of `docker compose` with these arguments, in the project. */
export async function compose(project: Project, ...args: string[]): Promise<string> {
  return (await execute(composeArgs(project, args), { ...process.env, ...project.env })).trim();
}

/** Null where there is one that can be used; else why not. */
export async function whyNoEngine(): Promise<string | null> {
  try {
    await docker('version', '--format', '{{.Server.Version}}');
  } catch (error) {
    return `No Docker engine answers (${lastLine(error)}). Start one, or let DOCKER_HOST name one.`;
  }
  try {
    await docker('compose', 'version', '--short');
  } catch (error) {
    return `Docker has no compose plugin (${lastLine(error)}). Install Compose 2.24 or newer.`;
  }
  return null;
}

export async function containersOf(project: Project): Promise<readonly ContainerState[]> {
  const ids = await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', labelOf(project));
  if (ids === '') return [];
  const found = JSON.parse(await docker('inspect', ...ids.split('\n'))) as readonly Inspected[];
  return found
    .filter(({ Config }) => Config.Labels['com.docker.compose.oneoff'] !== 'True')
    .map(({ Id, Config, State }) => ({
      id: Id,
      service: Config.Labels['com.docker.compose.service'] ?? '',
      state: State.Status,
      health: State.Health?.Status ?? '',
      exitCode: State.ExitCode,
    }));
}

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Health?: { readonly Status: string } };
}

export function labelOf({ name }: Project): string {
  return `label=com.docker.compose.project=${name}`;
}

/** A folder of a container, copied into a folder here. Files that come and go meanwhile are left out by name. */
export async function copyOut(
  project: Project,
  service: string,
  from: string,
  to: string,
  without: string,
): Promise<void> {
  // 1: a directory changed while it was read, which the volume's root does whenever its keeper probes it.
  const pack = `tar -C '${from}' --warning=no-file-changed --exclude='${without}' -cf - . || [ $? = 1 ]`;
  const packing = spawn('docker', composeArgs(project, ['exec', '-T', service, 'sh', '-c', pack]), {
    env: { ...process.env, ...project.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const unpacking = spawn('tar', ['-C', to, '-xf', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
  packing.stdout.pipe(unpacking.stdin);
  const codes = await Promise.all([packing, unpacking].map(async (child) => (await once(child, 'close'))[0] as number));
  if (codes.some((code) => code !== 0))
    throw new Error(`${from} of ${service} could not be copied: ${codes.join(', ')}`);
}

/** What the images are built from and what is pulled, for a message: without a registry each has to be there. */
export const BASE_IMAGES = [
  'node:24-bookworm-slim',
  'debian:bookworm-slim',
  'golang:1.26-bookworm',
  'nats:2.15-alpine',
  'postgres:17',
];

export async function isThere(image: string): Promise<boolean> {
  try {
    await docker('image', 'inspect', image);
    return true;
  } catch {
    return false; // whatever docker says of it, there is none to use
  }
}

function composeArgs({ name }: Project, args: readonly string[]): string[] {
  const file = join(ROOT, 'docker-compose.yml');
  return ['compose', '--file', file, '--env-file', '/dev/null', '--project-name', name, ...args];
}

async function execute(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    return (await run('docker', args, { cwd: ROOT, env, maxBuffer: 2 ** 28 })).stdout;
  } catch (cause) {
    const { stderr = '', stdout = '' } = cause as { stderr?: string; stdout?: string };
    throw new Error(
      `docker ${args.join(' ')} failed:\n${`${stdout}\n${stderr}`.trim().split('\n').slice(-25).join('\n')}`,
      {
        cause,
      },
    );
  }
}

function lastLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().split('\n').at(-1) ?? '';
}
