// What `doctor` says of one hop between an upload and its renditions.

export interface Finding {
  /** `index`, `store`, `streams`, … */
  readonly hop: string;
  /** warning: it works, and somebody should look · skipped: what it needs is broken. */
  readonly state: 'fine' | 'warning' | 'broken' | 'skipped';
  /** Null where it is fine. */
  readonly code: string | null;
  readonly message: string;
  readonly remedy: string | null;
}
