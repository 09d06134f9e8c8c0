// Makes the store as the pipeline needs it: buckets, their notification rules, and the tag that proves each of them. Run again it changes nothing.
import { AppError } from '../platform/errors.ts';
import { arnOf, environmentOf, onlyRule, planRules, TARGETS, type Target } from './notification-rules.ts';
import { errorOf, type Store, storeCodeOf } from './signed-request.ts';
import { readSourceTag, SOURCE_TAG, writeSourceTag } from './source-tag.ts';

export interface SourceBucket {
  readonly bucket: string;
  /** The id under which the index knows this bucket; null: not yet. */
  readonly sourceId: string | null;
}

export interface SourceFinding {
  /**
   * new: neither bucket nor index has an id · adopted: the bucket bears one that the index does not know yet · recreated: the index knows
   * the bucket, but it is missing or bears no tag: it was wiped, or the store is on an empty disk · foreign: it bears another id than
   * the one the index knows: this is another bucket, or another store.
   */
  readonly kind: 'new' | 'adopted' | 'recreated' | 'foreign';
  readonly bucket: string;
  /** What the bucket would bear from then on. */
  readonly sourceId: string;
}

export interface ProvisionDeps {
  readonly newSourceId: () => string;
  /**
   * Asked before a bucket is accepted. To accept it: record in the index its id and that a sweep of it is owed, then give the id (that
   * of another who was quicker, if so). Null leaves the bucket unproven: nothing is removed on its word (I7).
   */
  accept(finding: SourceFinding): Promise<string | null>;
}

export interface StoreProvision {
  /** What was changed, a sentence each. */
  readonly changes: string[];
  /** What was left as it is for want of an acceptance, a sentence each. */
  readonly withheld: string[];
}

/**
 * Rejects with ARNS_MISSING, RULES_REFUSED, RULES_UNREADABLE, SOURCE_MISMATCH, ACCESS_DENIED and as `Store.send` does. The streams over the
 * targets' subjects must exist first: what MinIO sends before is lost.
 */
export async function provisionStore(
  store: Store,
  sources: readonly SourceBucket[],
  deps: ProvisionDeps,
): Promise<StoreProvision> {
  const done: StoreProvision = { changes: [], withheld: [] };
  for (const source of sources) await provisionBucket(store, source, deps, done);
  return done;
}

async function provisionBucket(
  store: Store,
  source: SourceBucket,
  deps: ProvisionDeps,
  done: StoreProvision,
): Promise<void> {
  const { bucket, sourceId: known } = source;
  const exists = await bucketExists(store, bucket);
  let accepted: string | null = null;
  if (!exists) {
    if (known !== null) {
      accepted = await deps.accept({ kind: 'recreated', bucket, sourceId: known });
      if (accepted === null) {
        done.withheld.push(`bucket ${bucket}: is missing, but the index knows it; not made anew`);
        return;
      }
    }
    await makeBucket(store, bucket);
    done.changes.push(`bucket ${bucket}: made`);
  }
  // Before the tag: what is put meanwhile is found by the sweep that the index then owes.
  await provisionRules(store, bucket, deps.newSourceId, done);

  const borne = exists ? await readSourceTag(store, bucket) : null;
  if (borne !== null && borne === known) return;
  const finding = findingOf(source, borne, deps.newSourceId);
  accepted ??= await deps.accept(finding);
  if (accepted === null) {
    if (finding.kind === 'foreign') throw mismatch(bucket);
    done.withheld.push(`bucket ${bucket}: ${WITHOUT_TAG[finding.kind]}; not tagged, so nothing is removed on its word`);
  } else if (accepted === borne) {
    done.changes.push(`bucket ${bucket}: its source id was recorded`);
  } else {
    await writeSourceTag(store, bucket, accepted);
    done.changes.push(
      `bucket ${bucket}: tagged ${SOURCE_TAG}${finding.kind === 'recreated' ? ' again: it was made anew' : ''}`,
    );
  }
}

const WITHOUT_TAG = {
  new: 'is new',
  adopted: 'bears an id that is not recorded',
  recreated: 'has lost its tag: it was made anew',
} as const;

function findingOf(
  { bucket, sourceId: known }: SourceBucket,
  borne: string | null,
  newSourceId: () => string,
): SourceFinding {
  if (borne !== null) return { kind: known === null ? 'adopted' : 'foreign', bucket, sourceId: borne };
  return known === null
    ? { kind: 'new', bucket, sourceId: newSourceId() }
    : { kind: 'recreated', bucket, sourceId: known };
}

export function mismatch(bucket: string): AppError {
  return new AppError('SOURCE_MISMATCH', `bucket ${bucket} bears another source id than the one the index knows`, {
    disposition: 'fatal',
    remedy:
      'Point the configuration at the store and the index that belong together, or accept the bucket as it is now.',
    details: { bucket },
  });
}

async function bucketExists(store: Store, bucket: string): Promise<boolean> {
  const answer = await store.send({ method: 'HEAD', bucket });
  if (answer.status === 404) return false;
  if (answer.status !== 200) throw errorOf(answer, `look at bucket ${bucket}`);
  return true;
}

async function makeBucket(store: Store, bucket: string): Promise<void> {
  const answer = await store.send({ method: 'PUT', bucket });
  if (answer.status !== 200 && storeCodeOf(answer) !== 'BucketAlreadyOwnedByYou')
    throw errorOf(answer, `make bucket ${bucket}`);
}

async function provisionRules(store: Store, bucket: string, newId: () => string, done: StoreProvision): Promise<void> {
  const plan = planRules(await readRules(store, bucket));
  if (plan.missing.length === 0 && plan.replaced.length === 0) return;
  if (!(await writeRules(store, bucket, plan.xml))) {
    await assertTargetsOffered(store, newId);
    throw new AppError('RULES_REFUSED', `bucket ${bucket} has rules to targets that MinIO does not offer any more`, {
      disposition: 'fatal',
      remedy: 'Remove those rules, or configure their targets.',
      details: { bucket, arns: plan.foreignArns },
    });
  }
  if (plan.missing.length > 0)
    done.changes.push(`bucket ${bucket}: notification rules set for ${plan.missing.join(', ')}`);
  if (plan.replaced.length > 0)
    done.changes.push(`bucket ${bucket}: notification rules replaced: ${plan.replaced.join(', ')}`);
}

export async function readRules(store: Store, bucket: string): Promise<string> {
  const answer = await store.send({ method: 'GET', bucket, query: { notification: '' } });
  if (answer.status !== 200) throw errorOf(answer, `read the notification rules of bucket ${bucket}`);
  return answer.body;
}

/** False: one of the ARNs is not offered. MinIO does not say which. */
async function writeRules(store: Store, bucket: string, xml: string): Promise<boolean> {
  const answer = await store.send({ method: 'PUT', bucket, query: { notification: '' }, body: xml });
  if (answer.status === 200) return true;
  if (answer.status === 400 && storeCodeOf(answer) === 'InvalidArgument') return false;
  throw errorOf(answer, `write the notification rules of bucket ${bucket}`);
}

/** Throws ARNS_MISSING. MinIO lists its ARNs to nobody but an administrator, so each is tried on an empty bucket, where a PUT replaces no one's rules. */
async function assertTargetsOffered(store: Store, newId: () => string): Promise<void> {
  const bucket = `millrace-probe-${newId()
    .replace(/[^0-9a-z]/g, '')
    .slice(0, 16)}`;
  await makeBucket(store, bucket);
  const missing: Target[] = [];
  try {
    for (const target of TARGETS) if (!(await writeRules(store, bucket, onlyRule(target)))) missing.push(target);
  } finally {
    await store.send({ method: 'DELETE', bucket });
  }
  if (missing.length === 0) return;
  const environment = missing.flatMap(environmentOf);
  throw new AppError('ARNS_MISSING', `MinIO does not offer ${missing.map(arnOf).join(', ')}`, {
    disposition: 'fatal',
    remedy: `Start MinIO with ${environment.join(' ')}; a fault in one target leaves it without any, and one line in its log.`,
    details: { missing: missing.map(arnOf), environment },
  });
}
