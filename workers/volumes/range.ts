// Decides what part of a file a conditional GET wants: pure, after RFC 9110 sections 13 and 14.

export type Answer =
  | { readonly kind: 'whole' }
  /** Both ends included. */
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'unsatisfiable' };

export interface Conditions {
  readonly ifNoneMatch: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** Several ranges at once are answered with the whole file, as is a range we cannot read: a server may always ignore `Range`. */
export function answerFor({ ifNoneMatch, range, ifRange }: Conditions, etag: string, sizeBytes: number): Answer {
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) return { kind: 'not-modified' };
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return { kind: 'whole' };

  const parsed = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range);
  const [, from = '', to = ''] = parsed ?? [];
  if (parsed === null || (from === '' && to === '')) return { kind: 'whole' };
  if (from === '') {
    const suffix = Math.min(Number(to), sizeBytes);
    return suffix === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', first: sizeBytes - suffix, last: sizeBytes - 1 };
  }
  const first = Number(from);
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== '' && Number(to) < first) return { kind: 'whole' }; // not a range at all
  return first >= sizeBytes ? { kind: 'unsatisfiable' } : { kind: 'part', first, last };
}

/** Weak comparison: our bytes never change under an etag. */
function matches(header: string, etag: string): boolean {
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
