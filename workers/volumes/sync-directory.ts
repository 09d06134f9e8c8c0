// Makes what was created or removed in a directory survive a power cut.
import { open } from 'node:fs/promises';

/** Rejects with the file system's error, `ENOENT` where the directory is gone. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
