// PostgreSQL stores every Unicode text but NUL. A name that has one is refused, for stored otherwise it would be another object's;
// what we only report (messages, EXIF) is cleaned.
import type { ObjectRef } from '../model/object-ref.ts';
import { AppError } from '../platform/errors.ts';

/** Throws `KEY_NOT_STORABLE` (disposition `refuse`) for a key with NUL or a lone surrogate, which UTF-8 has no bytes for. */
export function assertStorable(ref: ObjectRef): void {
  if (isStorable(ref.key) && isStorable(ref.bucket) && isStorable(ref.store)) return;
  throw new AppError('KEY_NOT_STORABLE', 'the name of the object contains NUL or is no Unicode text', {
    disposition: 'refuse',
    details: { ref },
    remedy: 'Store the object under another key.',
  });
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Each NUL and each lone surrogate becomes U+FFFD. */
export function storableText(text: string): string {
  return isStorable(text) ? text : text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** For jsonb, which takes no \u0000 either: a camera pads its name with them. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storableText(part) : part));
}
