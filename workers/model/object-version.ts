// What makes one state of an object different from another, as the store tells it.
import { createHash } from 'node:crypto';

export interface ObjectVersion {
  /** Without quotes. Equal etags mean equal bytes. */
  readonly etag: string;
  /** Null in a bucket that never had versioning. */
  readonly versionId: string | null;
  /** Whole seconds since the epoch: Last-Modified has no finer unit, and a listing's fraction is cut to match it. */
  readonly modifiedAtS: number;
  readonly contentType: string;
  /** Of the user metadata, see `hashUserMetadata`. */
  readonly userMetadataHash: string;
  readonly sizeBytes: number;
}

/** Header names are compared in lower case, without their `x-amz-meta-`; order does not matter. */
export function hashUserMetadata(metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return createHash('sha256').update(JSON.stringify(pairs)).digest('hex').slice(0, 32);
}

/** 32 hex digits that name the version in `sets`, `attempts` and messages. */
export function versionToken(version: ObjectVersion): string {
  const { etag, versionId, modifiedAtS, contentType, userMetadataHash } = version;
  return createHash('sha256')
    .update(JSON.stringify([etag, versionId, modifiedAtS, contentType, userMetadataHash]))
    .digest('hex')
    .slice(0, 32);
}

export function sameVersion(a: ObjectVersion, b: ObjectVersion): boolean {
  return versionToken(a) === versionToken(b);
}

/** What a bucket listing tells of an object: enough to see that a row is behind, never enough to write one. */
export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly modifiedAtS: number;
  readonly sizeBytes: number;
}
