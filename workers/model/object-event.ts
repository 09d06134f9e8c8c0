// What a bucket notification tells, decoded: it wakes us for one object and proves nothing about it.

export interface ObjectEvent {
  readonly bucket: string;
  /** Decoded, raw. */
  readonly key: string;
  /** `s3:ObjectCreated:Put`, … */
  readonly name: string;
  readonly versionId: string | null;
  /** Advisory: sixteen hex digits, never an order. */
  readonly sequencer: string | null;
}
