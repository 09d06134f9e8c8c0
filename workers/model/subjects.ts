// The only place where a subject is made: stream, consumer and bucket names stand here too.
import type { OutcomeState } from './messages.ts';

export const STREAMS = {
  events: 'EVENTS',
  planned: 'PLANNED',
  deadLetters: 'DEAD_LETTERS',
  advisories: 'ADVISORIES',
  outcomes: 'OUTCOMES',
} as const;

export const KV_BUCKETS = { volumes: 'volumes', nonces: 'nonces' } as const;

/** The four subjects of MinIO's NATS targets; `-journal` is the copy that survives a NATS outage. */
export const EVENT_SUBJECTS = {
  created: 'events.images.created',
  createdJournal: 'events.images.created-journal',
  removed: 'events.images.removed',
  removedJournal: 'events.images.removed-journal',
} as const;

/** Of stream EVENTS. */
export const CONSUMERS = { changes: 'changes', removals: 'removals' } as const;

/** Of stream ADVISORIES: messages that JetStream gave up. */
export const EXHAUSTED_CONSUMER = 'exhausted';

export type PlannedLane = 'urgent' | 'bulk';
export type Lane = 'live' | PlannedLane;

export function plannedConsumer(tier: string, lane: PlannedLane): string {
  return `planned-${tier}-${lane}`;
}

/** `job` is `live` for a hand-over, else the name of what planned it. */
export function plannedSubject(tier: string, lane: PlannedLane, job: string): string {
  return `planned.v1.${token(tier)}.${lane}.${token(job)}`;
}

export function plannedFilter(tier: string, lane: PlannedLane): string {
  return `planned.v1.${token(tier)}.${lane}.>`;
}

/** All work items of one job, of every tier and lane. */
export function plannedJobFilter(job: string): string {
  return `planned.v1.*.*.${token(job)}`;
}

/** The tier in a subject of `plannedSubject`. */
export function tierOfPlanned(subject: string): string {
  return untoken(subject.split('.')[2] ?? '');
}

export function outcomeSubject(store: string, bucket: string, state: OutcomeState): string {
  return `renditions.v1.${token(store)}.${token(bucket)}.${state}`;
}

export function deadLetterSubject(stream: string, consumer: string): string {
  return `dead.v1.${token(stream)}.${token(consumer)}`;
}

export function volumeKey(volumeId: string, host: string): string {
  return `${token(volumeId)}.${token(host)}`;
}

/** A name as one subject token: letters, digits and `-` stay, any other byte becomes `_` and two hex digits. */
export function token(name: string): string {
  if (name === '') throw new RangeError('a subject token needs at least one character');
  return Array.from(Buffer.from(name), (byte) =>
    /[A-Za-z0-9-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `_${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}

/** The inverse of `token`. */
export function untoken(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '_') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(text.charCodeAt(at));
  }
  return Buffer.from(bytes).toString();
}
