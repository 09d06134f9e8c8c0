// What a figure was measured on: without it none means anything.
import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { coreCount } from '../../workers/imaging/cores.ts';
import { findBinary } from '../../workers/local/binaries.ts';
import { percentile } from './statistics.ts';
import type { World } from './world.ts';

export async function machineLines(): Promise<readonly string[]> {
  const gib = Math.round(totalmem() / 2 ** 30);
  return [
    `machine     ${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores (${coreCount()} for renderers), ${gib} GiB, ${process.platform} ${release()}`,
    `load        ${loadText()}`,
  ];
}

export function loadText(): string {
  const [one = 0, five = 0] = loadavg();
  return `${one.toFixed(1)} over 1 minute, ${five.toFixed(1)} over 5`;
}

export async function versionLines(world: World): Promise<readonly string[]> {
  const { servers, folder } = world;
  const natsServer = await promisify(execFile)(await findBinary('nats-server'), ['--version']);
  const [postgres] = await world.sql<Record<'version' | 'fsync' | 'commit', string>>(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
  );
  const jetstream = await natsSync(servers.nats.monitorUrl);
  return [
    `versions    node ${process.versions.node}, sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}, ${basename(await findBinary('minio'))}, ${natsServer.stdout.trim()}, PostgreSQL ${postgres?.version}`,
    `durability  JetStream ${jetstream}, PostgreSQL fsync ${postgres?.fsync}, synchronous_commit ${postgres?.commit}; fsync of 64 kB in the data folder ${await fsyncMs(folder)} ms (median)`,
  ];
}

async function natsSync(monitorUrl: string | undefined): Promise<string> {
  const answer = await fetch(`${monitorUrl}/jsz?config=true`);
  const { config = {} } = (await answer.json()) as { config?: { sync_always?: boolean; sync_interval?: number } };
  return `sync_interval ${config.sync_always === true ? 'always' : `${(config.sync_interval ?? 0) / 1e9} s`}`;
}

async function fsyncMs(folder: string): Promise<string> {
  const path = join(folder, 'fsync-probe');
  const took: number[] = [];
  for (let at = 0; at < 9; at++) {
    await using file = await open(path, 'w');
    await file.writeFile(Buffer.alloc(65_536, at));
    const startedMs = performance.now();
    await file.sync();
    took.push(performance.now() - startedMs);
  }
  await rm(path);
  return percentile(took, 0.5).toFixed(1);
}
