// How the pool is doing, at one moment: what `status` shows and scripts read.
import { z } from 'zod';
import type { LaneLoad } from './history.ts';
import type { VolumeAnnouncement } from './volume.ts';

const loopSchema = z.object({
  consumer: z.string(),
  /** pulling, full, troubled, … */
  state: z.string(),
  code: z.string().nullable(),
  inFlight: z.number(),
  /** Above 0: handlers fail one after the other, and fetching is held back. */
  pauseMs: z.number(),
});

const processorSchema = z.object({
  v: z.literal(1),
  host: z.string(),
  pid: z.number(),
  upMs: z.number(),
  /** Null: its configuration is not the registered one, so it fetches nothing. */
  generation: z.number().nullable(),
  renderers: z.object({ size: z.number(), busy: z.number() }),
  openTiers: z.array(z.string()),
  loops: z.array(loopSchema),
});

/** What a processor answers when the roll is called. */
export type ProcessorReport = z.output<typeof processorSchema>;

/** Null: written by a version that says it in another way. */
export function decodeProcessorReport(bytes: Uint8Array): ProcessorReport | null {
  try {
    const result = processorSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return result.success ? result.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export interface StreamFill {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  readonly maxBytes: number;
}

export interface LaneSample extends LaneLoad {
  /** Of all deliveries since the consumer was made: those that are not under way any more. */
  readonly ended: number;
}

export interface PoolSample {
  readonly atMs: number;
  readonly lanes: readonly LaneSample[];
  readonly processors: readonly ProcessorReport[];
  readonly volumes: readonly VolumeAnnouncement[];
  readonly streams: readonly StreamFill[];
  /** Outcome → how many attempts ended so within the last minute. */
  readonly lastMinute: Readonly<Record<string, number>>;
  readonly owedSweeps: readonly { readonly bucket: string; readonly reason: string; readonly firstAtMs: number }[];
  readonly withheldRemovals: readonly { readonly bucket: string; readonly count: number; readonly atMs: number }[];
}
