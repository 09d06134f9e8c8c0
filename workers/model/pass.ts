// A pass: planned work over a whole bucket or prefix, as the job store keeps it. It lists, compares and publishes work items; it never renders.
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What of an object's row a backfill may be restricted to; `missing`: the index has none. */
export const BACKFILL_STATES = ['missing', 'committed', 'plain', 'refused'] as const;
export type BackfillState = (typeof BACKFILL_STATES)[number];

const scope = { store: z.string().min(1), bucket: z.string().min(1), prefix: z.string() };

const requestSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('sweep'), ...scope, allowRemovals: z.number().int().min(0) }),
  z.object({
    kind: z.literal('backfill'),
    ...scope,
    /** Only objects modified at this second or later. */
    sinceS: z.number().nullable(),
    /** Only objects that are to have this preset. */
    preset: z.string().nullable(),
    state: z.enum(BACKFILL_STATES).nullable(),
  }),
]);

export type PassRequest = Readonly<z.output<typeof requestSchema>>;
export type SweepRequest = Extract<PassRequest, { kind: 'sweep' }>;
export type BackfillRequest = Extract<PassRequest, { kind: 'backfill' }>;

/** What an operator last said about a pass. */
const ASKS = ['run', 'pause', 'cancel'] as const;
export type Ask = (typeof ASKS)[number];

const passDataSchema = z.object({ request: requestSchema, asked: z.enum(ASKS) });
export type PassData = Readonly<z.output<typeof passDataSchema>>;

/** Throws a ZodError. */
export function decodePassData(data: unknown): PassData {
  return passDataSchema.parse(data);
}

/** Numbers by name, for people: `listed`, `published`. */
export type PassCounts = Readonly<Record<string, number>>;

const progressSchema = z.object({ checkpoint: z.string().nullable(), counts: z.record(z.string(), z.number()) });

export interface PassProgress {
  /** Opaque; where the pass goes on after its planner died. */
  readonly checkpoint: string | null;
  readonly counts: PassCounts;
}

/** Of anything that is no progress: none yet. */
export function decodePassProgress(progress: unknown): PassProgress {
  const read = progressSchema.safeParse(progress);
  return read.success ? read.data : { checkpoint: null, counts: {} };
}

export type PassState = 'waiting' | 'running' | 'paused' | 'done' | 'cancelled' | 'failed';

export interface PassView {
  readonly id: string;
  readonly request: PassRequest;
  readonly state: PassState;
  readonly counts: PassCounts;
  /** When it last began; where it waits for that, when it was first asked for. */
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  /** Code and message of a failed one. */
  readonly failure: string | null;
}

/** The same for the same request, so that it is never run twice at once: the job's id, and the last token of the subjects of its work items. */
export function passId(request: PassRequest): string {
  const ordered = Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${request.kind}-${createHash('sha256').update(JSON.stringify(ordered)).digest('hex').slice(0, 16)}`;
}
