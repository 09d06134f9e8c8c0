// A refused object, by an operator's word: tried again at once, or not again by itself.
import { desiredOf, type Wanted } from '../model/desired.ts';
import { refHash } from '../model/object-ref.ts';
import type { ObjectRow, Refusal } from '../model/object-row.ts';
import type { Index, WorkItems } from './ports.ts';

export interface RefusalPorts {
  readonly index: Pick<Index, 'commit'>;
  readonly workItems: WorkItems;
}

/** changed: committed now · same: it was so already · moved: a processor changed the row meanwhile, nothing was done. */
export type RefusalAnswer = 'changed' | 'same' | 'moved';

// A processor compares the time with its own clock; one further off than this cannot sign requests to the store anyway.
const CLOCKS_APART_MS = 15 * 60_000;

/**
 * What keeps a refused row from being tried is its retry time: it is committed into the past, so that every look, whoever makes it, plans
 * a render; then a work item makes somebody look. Repeated before that look it commits nothing.
 */
export function retryRefusal(
  row: ObjectRow,
  ports: RefusalPorts,
  wanted: Wanted,
  nowMs: number,
): Promise<RefusalAnswer> {
  const { retryAtMs } = refusalOf(row);
  const isDue = retryAtMs !== null && retryAtMs <= nowMs - CLOCKS_APART_MS;
  return applyRetryTime(row, isDue ? retryAtMs : nowMs - CLOCKS_APART_MS, ports, wanted);
}

/** Stays refused, and is tried again only when its version, the limits or the decoders change. */
export function dropRefusal(row: ObjectRow, ports: RefusalPorts, wanted: Wanted): Promise<RefusalAnswer> {
  return applyRetryTime(row, null, ports, wanted);
}

async function applyRetryTime(
  row: ObjectRow,
  retryAtMs: number | null,
  { index, workItems }: RefusalPorts,
  wanted: Wanted,
): Promise<RefusalAnswer> {
  const { ref, version, tier, generation } = row;
  const refusal = refusalOf(row);
  let { revision } = row;
  let answer: RefusalAnswer = 'same';
  if (refusal.retryAtMs !== retryAtMs) {
    const committed = await index.commit({
      ref,
      observedRevision: revision,
      tier,
      generation,
      change: { kind: 'refused', version, refusal: { ...refusal, retryAtMs } },
      claim: null,
      keepSet: true,
    });
    if (committed.kind === 'fenced') return 'moved';
    answer = 'changed';
    revision = committed.row.revision;
  }
  // Also where nothing was changed: whoever changed it may have been stopped here. The look that this brings tells the new revision.
  const item = { v: 1, ref, reason: 'retry' } as const;
  const lane = desiredOf(ref, wanted)?.tier ?? tier;
  await workItems.publish(lane, 'urgent', 'retry', item, `retry-${refHash(ref)}-${revision}`);
  return answer;
}

function refusalOf({ ref, refusal }: ObjectRow): Refusal {
  if (refusal === null) throw new TypeError(`${ref.bucket}/${ref.key} is not refused`);
  return refusal;
}
