// What one step of applying a plan came to.
import type { ObjectRow } from '../model/object-row.ts';
import type { Verdict } from '../model/verdict.ts';

export type Applied =
  | { readonly kind: 'committed'; readonly row: ObjectRow }
  /** Somebody else changed the row, or the object changed under us: what was seen is not true any more. */
  | { readonly kind: 'look-again' }
  | { readonly kind: 'ended'; readonly verdict: Verdict };

export function ended(verdict: Verdict): Applied {
  return { kind: 'ended', verdict };
}
