// The free-space floor: below it a volume takes no more renditions, and only clearly above it does it take them again.
import { statfs } from 'node:fs/promises';

export interface SpaceFloor {
  readonly minFreeBytes: number;
  /** Of the file system's size, 0–100. The larger of both counts. */
  readonly minFreePercent: number;
  readonly minFreeInodes: number;
}

export interface Space {
  /** What an unprivileged process may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Null: the file system does not count inodes (btrfs). */
  readonly freeInodes: number | null;
}

/** A gate that closed opens again this much above the floor, so that one collected set does not make it flap. */
const REOPEN_FACTOR = 1.1;

export async function readSpace(root: string): Promise<Space> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(root);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: files === 0 ? null : ffree };
}

/** Null: there is room. Otherwise what is missing, for a human. */
export function shortage(space: Space, floor: SpaceFloor, wasShort: boolean): string | null {
  const factor = wasShort ? REOPEN_FACTOR : 1;
  const bytes = Math.ceil(Math.max(floor.minFreeBytes, (space.totalBytes * floor.minFreePercent) / 100) * factor);
  if (space.freeBytes < bytes) return `${space.freeBytes} bytes free, ${bytes} needed`;
  const inodes = Math.ceil(floor.minFreeInodes * factor);
  if (space.freeInodes !== null && space.freeInodes < inodes)
    return `${space.freeInodes} inodes free, ${inodes} needed`;
  return null;
}
