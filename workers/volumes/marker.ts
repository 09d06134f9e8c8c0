// The marker file that proves a directory to be the volume we know (I7): read before anything is written or removed there.
import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type GateReason, MARKER_FILE, type VolumeMarker } from '../model/volume.ts';
import { AppError, chainOf, codeOf } from '../platform/errors.ts';
import { syncDirectory } from './sync-directory.ts';

const markerSchema: z.ZodType<VolumeMarker> = z.object({
  v: z.literal(1),
  volumeId: z.string().min(1),
  indexId: z.string().min(1),
});

/** What the volume must be. Null: not known, so the marker is taken at its word. */
export interface ExpectedVolume {
  readonly volumeId: string | null;
  readonly indexId: string | null;
}

/** Which directory on which file system the root is now: it changes when something is mounted there, or taken away. */
export interface MountIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

export type Proof =
  | { readonly kind: 'proven'; readonly marker: VolumeMarker; readonly mount: MountIdentity }
  | { readonly kind: 'unproven'; readonly reason: GateReason; readonly message: string };

/** Null where there is no marker. Rejects with `MARKER_UNREADABLE` for a marker that is not one of ours, with the file system's error otherwise. */
export async function readMarker(root: string): Promise<VolumeMarker | null> {
  const file = join(root, MARKER_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
  try {
    return markerSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new AppError('MARKER_UNREADABLE', `${file} is not a volume marker`, {
      disposition: 'fatal',
      remedy: 'Restore the marker from a backup of the volume; nothing is written or removed there before.',
      cause: error,
    });
  }
}

/**
 * Writes the marker so that a crash leaves either none or a whole one. An equal marker is left as it is; another one is replaced only with
 * `replace`, else the call rejects with `MARKER_EXISTS`.
 */
export async function writeMarker(root: string, marker: VolumeMarker, { replace = false } = {}): Promise<void> {
  const file = join(root, MARKER_FILE);
  const draft = `${file}.${randomUUID()}`;
  try {
    const handle = await open(draft, 'wx', 0o644);
    try {
      await handle.writeFile(`${JSON.stringify(marker)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (replace) await rename(draft, file);
    else await link(draft, file); // unlike rename it never takes another's place, also not in a race of two provisions
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const present = await readMarker(root);
    if (present?.volumeId !== marker.volumeId || present.indexId !== marker.indexId) {
      throw new AppError('MARKER_EXISTS', `${file} names another volume or index`, {
        disposition: 'fatal',
        cause: error,
        details: { present },
      });
    }
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(root);
}

/** Reads the marker and compares. Never rejects: whatever keeps us from knowing is a reason to keep the gate closed. */
export async function proveVolume(root: string, expected: ExpectedVolume): Promise<Proof> {
  try {
    const marker = await readMarker(root);
    if (marker === null)
      return unproven('NO_MARKER', `${root} has no ${MARKER_FILE}: not mounted, or never provisioned`);
    if (expected.volumeId !== null && marker.volumeId !== expected.volumeId) {
      return unproven('WRONG_VOLUME', `${root} is volume ${marker.volumeId}, expected ${expected.volumeId}`);
    }
    if (expected.indexId !== null && marker.indexId !== expected.indexId) {
      return unproven('WRONG_INDEX', `${root} belongs to index ${marker.indexId}, expected ${expected.indexId}`);
    }
    const { dev, ino } = await stat(root, { bigint: true });
    return { kind: 'proven', marker, mount: { device: dev, inode: ino } };
  } catch (error) {
    return unproven(codeOf(error) === 'MARKER_UNREADABLE' ? 'WRONG_VOLUME' : 'PROBE_FAILED', chainOf(error));
  }
}

function unproven(reason: GateReason, message: string): Proof {
  return { kind: 'unproven', reason, message };
}
