// Which notification rules a bucket needs, and how they live beside rules that are not ours.
import { EVENT_SUBJECTS } from '../model/subjects.ts';
import { AppError } from '../platform/errors.ts';
import { childrenOf, elementsOf, textOf } from './xml.ts';

export interface Target {
  /** Of the MinIO target; the ARN ends with it and `nats`. */
  readonly id: string;
  readonly subject: string;
  /** Kept in a folder until NATS has it. */
  readonly journal: boolean;
  readonly events: readonly string[];
}

// `s3:ObjectCreated:*` would also tell of tags, retention and legal hold. The end of an expired delete marker
// (`s3:LifecycleDelMarkerExpiration:*`) changes nothing for us: under a marker the object was gone already.
const CREATED = ['Put', 'Post', 'Copy', 'CompleteMultipartUpload'].map((kind) => `s3:ObjectCreated:${kind}`);
const REMOVED = ['s3:ObjectRemoved:*'];

/** Each change goes two ways: at once, and by a journal that survives an outage of NATS. */
export const TARGETS: readonly Target[] = [
  { id: 'LIVE_CREATED', subject: EVENT_SUBJECTS.created, journal: false, events: CREATED },
  { id: 'LIVE_REMOVED', subject: EVENT_SUBJECTS.removed, journal: false, events: REMOVED },
  { id: 'JOURNAL_CREATED', subject: EVENT_SUBJECTS.createdJournal, journal: true, events: CREATED },
  { id: 'JOURNAL_REMOVED', subject: EVENT_SUBJECTS.removedJournal, journal: true, events: REMOVED },
];

/** MinIO takes an ARN without its region, and fills in its own. */
export function arnOf(target: Target): string {
  return `arn:minio:sqs::${target.id}:nats`;
}

/** The environment that makes MinIO offer the target. */
export function environmentOf({ id, subject, journal }: Target): string[] {
  const set = (key: string, value: string) => `MINIO_NOTIFY_NATS_${key}_${id}=${value}`;
  const queue = journal ? [set('QUEUE_DIR', '<absolute folder>'), set('QUEUE_LIMIT', '100000')] : [];
  return [
    set('ENABLE', 'on'),
    set('ADDRESS', '<host>:<port>'),
    set('SUBJECT', subject),
    set('JETSTREAM', 'on'),
    ...queue,
  ];
}

export interface RulesPlan {
  /** Ours that are missing or different, by the target's id; empty: nothing need be written. */
  readonly missing: readonly string[];
  /** Rules on our targets that are not as wanted, by their own id or ARN: to be replaced. */
  readonly replaced: readonly string[];
  /** ARNs of the rules that are not ours: kept as they are. */
  readonly foreignArns: readonly string[];
  /** What to PUT. */
  readonly xml: string;
}

/**
 * Compares what GET answered with what is wanted. Throws RULES_UNREADABLE rather than lose a rule it does not understand.
 *
 * GET hides the first rule whose target is not loaded, and only the first. So ours stand first: if all four are shown, MinIO has all
 * four targets. A foreign rule that was hidden is lost by our PUT; but MinIO loads either all of its targets or none, so while ours
 * are loaded a hidden rule points at a target that is not configured any more.
 */
export function planRules(shown: string): RulesPlan {
  const rules = elementsOf(childrenOf(shown, 'NotificationConfiguration')[0] ?? '');
  if (rules === null || !shown.includes('NotificationConfiguration')) {
    throw new AppError(
      'RULES_UNREADABLE',
      'the notification rules of the bucket cannot be read, so they are left alone',
      {
        disposition: 'fatal',
        details: { shown: shown.slice(0, 1000) },
      },
    );
  }
  const queues = rules.filter(({ name }) => name === 'QueueConfiguration').map(({ xml }) => xml);
  const missing = TARGETS.filter((target) => !queues.slice(0, TARGETS.length).some((rule) => isAsWanted(rule, target)));
  const foreign = rules.filter(({ xml }) => targetOf(xml) === undefined).map(({ xml }) => xml);
  const misfits = queues.filter((rule) => {
    const target = targetOf(rule);
    return target !== undefined && !isAsWanted(rule, target);
  });
  return {
    missing: missing.map(({ id }) => id),
    replaced: misfits.map((rule) => textOf(rule, 'Id') ?? textOf(rule, 'Queue') ?? ''),
    foreignArns: foreign.flatMap((rule) => textOf(rule, 'Queue') ?? []),
    xml: configuration([...TARGETS.map(ruleOf), ...foreign]),
  };
}

/** A configuration with the rule of this target alone. */
export function onlyRule(target: Target): string {
  return configuration([ruleOf(target)]);
}

function configuration(rules: readonly string[]): string {
  const name = 'NotificationConfiguration';
  return `<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${rules.join('')}</${name}>`;
}

function ruleOf(target: Target): string {
  const id = `millrace-${target.id.toLowerCase().replace('_', '-')}`;
  const events = target.events.map((event) => `<Event>${event}</Event>`).join('');
  return `<QueueConfiguration><Id>${id}</Id>${events}<Queue>${arnOf(target)}</Queue></QueueConfiguration>`;
}

function targetOf(rule: string): Target | undefined {
  const id = /^arn:minio:sqs:[^:]*:([^:]+):nats$/.exec(textOf(rule, 'Queue') ?? '')?.[1];
  return TARGETS.find((target) => target.id === id);
}

function isAsWanted(rule: string, target: Target): boolean {
  if (targetOf(rule) !== target || rule.includes('<FilterRule>')) return false;
  const events = childrenOf(rule, 'Event');
  return events.length === target.events.length && target.events.every((event) => events.includes(event));
}
