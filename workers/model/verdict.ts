// A handler's answer about one message; the pull loop alone turns it into JetStream's words.

export type Verdict =
  /** Desired and observed agree, and the row's outcome is told: ackAck. */
  | { readonly kind: 'settled' }
  /** Nothing of ours: ackAck. */
  | { readonly kind: 'skipped'; readonly code: string }
  /** Another lane's work item stands, confirmed: ackAck. */
  | { readonly kind: 'handed-over'; readonly tier: string; readonly code: string }
  /** nak(afterMs). */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly code: string }
  /** Copied to DEAD_LETTERS, confirmed, then term. */
  | { readonly kind: 'dead-letter'; readonly code: string; readonly message: string };

export function retry(afterMs: number, code: string): Verdict {
  return { kind: 'retry', afterMs, code };
}
