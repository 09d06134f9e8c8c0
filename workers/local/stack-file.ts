// stack.json: where the running stack's servers are, for the command line and other clients.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { folderError, writePrivateFile } from './folder.ts';

export interface StackInfo {
  readonly s3: {
    /** `http://host:port`. */
    readonly endpoint: string;
    readonly accessKey: string;
    readonly secretKey: string;
    readonly region: string;
    readonly bucket: string;
  };
  /** `nats://user:password@host:port`. */
  readonly nats: { readonly url: string };
  /** `postgres://user:password@host:port/database`. */
  readonly postgres: { readonly url: string };
  /** `path` is absolute. */
  readonly volumes: readonly StackVolume[];
}

export interface StackVolume {
  readonly id: string;
  readonly tier: string;
  readonly path: string;
}

function stackFileOf(folder: string): string {
  return join(folder, 'stack.json');
}

/** Mode 0600, whole or not at all: its presence says that everything is ready. */
export async function writeStackFile(folder: string, info: StackInfo): Promise<void> {
  await writePrivateFile(stackFileOf(folder), `${JSON.stringify(info, null, 2)}\n`);
}

/** It would otherwise say "ready" of a stack that is only starting, or is no more. */
export async function removeStackFile(folder: string): Promise<void> {
  try {
    await rm(stackFileOf(folder), { force: true });
  } catch (error) {
    throw folderError(error, folder);
  }
}
