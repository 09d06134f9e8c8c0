// What one look at the store tells of an object.
import type { ObjectVersion } from './object-version.ts';

export type Sighting =
  | { readonly kind: 'present'; readonly version: ObjectVersion }
  /** `NoSuchKey`, and the tag that the bucket bore when it was asked after that answer. */
  | { readonly kind: 'gone'; readonly sourceTag: string | null }
  /** No such bucket, or no access: nothing is known about the object. */
  | { readonly kind: 'trouble'; readonly code: 'NO_SUCH_BUCKET' | 'ACCESS_DENIED' };
