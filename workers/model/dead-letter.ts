// A message that was set aside, as it was, with why.

export interface DeadLetter {
  /** Its sequence in DEAD_LETTERS: what an operator calls it by. */
  readonly number: number;
  readonly code: string;
  /** For people: the error's chain, on one line. */
  readonly reason: string;
  /** Where the message was taken from. */
  readonly stream: string;
  readonly consumer: string;
  readonly sequence: number;
  readonly subject: string;
  readonly deliveries: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly host: string;
  /** Of the message; the letter's `data` is shorter where it was cut. */
  readonly sizeBytes: number;
  readonly data: Uint8Array;
  /** Of the message, without what JetStream itself reads. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

export function isCut({ sizeBytes, data }: Pick<DeadLetter, 'sizeBytes' | 'data'>): boolean {
  return data.length < sizeBytes;
}
