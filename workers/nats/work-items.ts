// Puts a work item into the stream PLANNED, where processors of its tier find it.
import type { WorkItem } from '../model/messages.ts';
import { type PlannedLane, plannedSubject } from '../model/subjects.ts';
import type { Nats } from './connect.ts';
import { publishConfirmed } from './publish.ts';

export interface WorkItemPublisher {
  /** Resolves when the stream has it; rejects with a retry error, `STREAM_FULL` among them. */
  publish(tier: string, lane: PlannedLane, job: string, item: WorkItem, messageId: string): Promise<void>;
}

export function createWorkItems(nats: Nats): WorkItemPublisher {
  return {
    async publish(tier, lane, job, item, messageId) {
      await publishConfirmed(nats, plannedSubject(tier, lane, job), JSON.stringify(item), { messageId });
    },
  };
}
