// Makes an empty directory a volume, once: the only place where a volume's id comes into being.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { MARKER_FILE } from '../model/volume.ts';
import { AppError } from '../platform/errors.ts';
import { readMarker, writeMarker } from './marker.ts';
import { syncDirectory } from './sync-directory.ts';

export interface ProvisionedVolume {
  readonly volumeId: string;
  /** What was changed, one sentence each; empty when everything stood already. */
  readonly changes: readonly string[];
}

export interface ProvisionVolumeOptions {
  /** Makes a volume of another index ours, under the id it has. */
  readonly takeOver?: boolean;
  readonly newVolumeId?: () => string;
}

/**
 * Idempotent. Rejects with `VOLUME_NOT_EMPTY` where a directory holds something and no marker (a volume whose file system is not mounted looks
 * empty, one that is somebody else's does not), `VOLUME_OF_ANOTHER_INDEX`, `MARKER_UNREADABLE`, or the file system's error.
 */
export async function provisionVolume(
  { path, tier }: { readonly path: string; readonly tier: string },
  indexId: string,
  { takeOver = false, newVolumeId = randomUUID }: ProvisionVolumeOptions = {},
): Promise<ProvisionedVolume> {
  const root = resolve(path);
  const changes: string[] = [];
  const made = await mkdir(root, { recursive: true });
  if (made !== undefined) {
    for (let at = root; at !== dirname(made); at = dirname(at)) await syncDirectory(dirname(at));
    changes.push(`made the directory ${root}`);
  }

  const marker = await readMarker(root);
  if (marker === null) {
    await assertEmpty(root);
    const volumeId = newVolumeId();
    await writeMarker(root, { v: 1, volumeId, indexId });
    changes.push(`made ${root} volume ${volumeId} of tier ${tier}`);
    return { volumeId, changes };
  }
  if (marker.indexId !== indexId) {
    if (!takeOver) {
      throw new AppError(
        'VOLUME_OF_ANOTHER_INDEX',
        `${root} belongs to index ${marker.indexId}, this one is ${indexId}`,
        {
          disposition: 'fatal',
          remedy:
            'Check the database URL and the path; or take the volume over, or give this index an empty directory.',
          details: { path: root, volume: marker.volumeId },
        },
      );
    }
    await writeMarker(root, { v: 1, volumeId: marker.volumeId, indexId }, { replace: true });
    changes.push(`took volume ${marker.volumeId} at ${root} over from index ${marker.indexId}`);
  }
  return { volumeId: marker.volumeId, changes };
}

async function assertEmpty(root: string): Promise<void> {
  // Drafts of a marker are what a provision that was killed left behind.
  const strangers = (await readdir(root)).filter(
    (name) => name !== 'lost+found' && !name.startsWith(`${MARKER_FILE}.`),
  );
  if (strangers.length === 0) return;
  throw new AppError(
    'VOLUME_NOT_EMPTY',
    `${root} has no ${MARKER_FILE} but holds ${strangers.length} entries, ${strangers[0]} for one`,
    {
      disposition: 'fatal',
      remedy: 'Give the volume an empty directory, or mount the file system that belongs there.',
      details: { path: root },
    },
  );
}
