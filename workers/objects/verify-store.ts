// What of the store is not as `provision` left it. Reads only.
import { AppError, isAppError } from '../platform/errors.ts';
import { planRules } from './notification-rules.ts';
import { mismatch, readRules, type SourceBucket } from './provision-store.ts';
import type { Store } from './signed-request.ts';
import { readSourceTag } from './source-tag.ts';

/**
 * The faults, one or two a bucket, not thrown: NO_SUCH_BUCKET, ACCESS_DENIED, RULES_MISSING, SOURCE_UNKNOWN, SOURCE_UNPROVEN, SOURCE_MISMATCH.
 * Rejects as `Store.send` does, when nothing can be said.
 */
export async function verifyStore(store: Store, sources: readonly SourceBucket[]): Promise<AppError[]> {
  const faults = await Promise.all(sources.map((source) => verifyBucket(store, source)));
  return faults.flat();
}

const PROVISION = { remedy: 'Run `millrace provision`.' };

async function verifyBucket(store: Store, { bucket, sourceId }: SourceBucket): Promise<AppError[]> {
  const faults: AppError[] = [];
  const details = { bucket };
  try {
    const { missing } = planRules(await readRules(store, bucket));
    if (missing.length > 0) {
      const message = `bucket ${bucket} tells nothing to ${missing.join(', ')}: rule or target is missing`;
      faults.push(new AppError('RULES_MISSING', message, { ...PROVISION, details: { bucket, missing } }));
    }
    const borne = await readSourceTag(store, bucket);
    if (sourceId === null) {
      faults.push(
        new AppError('SOURCE_UNKNOWN', `the index does not know bucket ${bucket}`, { ...PROVISION, details }),
      );
    } else if (borne === null) {
      faults.push(
        new AppError('SOURCE_UNPROVEN', `bucket ${bucket} has lost its tag: it was made anew`, {
          ...PROVISION,
          details,
        }),
      );
    } else if (borne !== sourceId) {
      faults.push(mismatch(bucket));
    }
  } catch (error) {
    if (!isAppError(error, 'NO_SUCH_BUCKET') && !isAppError(error, 'ACCESS_DENIED')) throw error;
    faults.push(error);
  }
  return faults;
}
