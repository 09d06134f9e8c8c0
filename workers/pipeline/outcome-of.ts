// A row as the outcome that subscribers are told.
import type { Outcome } from '../model/messages.ts';
import type { ObjectRow } from '../model/object-row.ts';

export function outcomeOf(row: ObjectRow): Outcome {
  const { ref, revision, state, version, set, damaged, metadata, refusal, committedAtMs } = row;
  return {
    v: 1,
    ref,
    revision,
    state,
    version,
    set: set && { id: set.id, volume: set.volume, tier: set.tier },
    renditions: set?.renditions ?? [],
    damaged,
    metadata,
    refusal: refusal && { code: refusal.code, message: refusal.message },
    committedAtMs,
  };
}
