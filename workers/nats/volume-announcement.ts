// Reads an announcement back from the bucket: written by a keeper, perhaps a newer one.
import { z } from 'zod';
import type { VolumeAnnouncement } from '../model/volume.ts';

const announcementSchema = z.object({
  v: z.literal(1),
  volumeId: z.string().min(1),
  host: z.string().min(1),
  tier: z.string().min(1),
  path: z.string().min(1),
  url: z.string(),
  indexId: z.string().min(1),
  freeBytes: z.number(),
  // A reason that we do not know yet closes the gate as well as one that we do.
  gate: z.union([
    z.object({ state: z.literal('open') }),
    z.object({ state: z.literal('closed'), reason: z.string(), message: z.string() }),
  ]),
  mountEpoch: z.number(),
});

/** Throws a ZodError or SyntaxError. */
export function decodeAnnouncement(text: string): VolumeAnnouncement {
  return announcementSchema.parse(JSON.parse(text)) as VolumeAnnouncement;
}
