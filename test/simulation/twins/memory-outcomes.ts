// Outcomes and work items in memory, and a subscriber that does what we ask of subscribers: it keeps the highest revision.
import type { Outcome, WorkItem } from '../../../workers/model/messages.ts';
import { type ObjectRef, refHash } from '../../../workers/model/object-ref.ts';
import { plannedSubject } from '../../../workers/model/subjects.ts';
import type { Outcomes, WorkItems } from '../../../workers/pipeline/ports.ts';
import type { MemoryStream } from './memory-stream.ts';
import type { Sync } from './sync.ts';

export interface MemoryOutcomes {
  readonly outcomes: Sync<Outcomes>;
  /** The highest revision told of an object. */
  told(ref: ObjectRef): Outcome | null;
}

export function createMemoryOutcomes(): MemoryOutcomes {
  const highest = new Map<string, Outcome>();
  return {
    outcomes: {
      tell(outcome) {
        const key = refHash(outcome.ref);
        if ((highest.get(key)?.revision ?? 0) < outcome.revision) highest.set(key, outcome);
      },
    },
    told: (ref) => highest.get(refHash(ref)) ?? null,
  };
}

export function createMemoryWorkItems(planned: MemoryStream<WorkItem>): Sync<WorkItems> {
  return {
    publish(tier, lane, job, item, messageId) {
      planned.publish(plannedSubject(tier, lane, job), item, messageId);
    },
  };
}
