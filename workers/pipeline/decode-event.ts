// Turns a bucket notification's bytes into an event, or says with a code why it is none.
import { z } from 'zod';
import type { ObjectEvent } from '../model/object-event.ts';
import { AppError } from '../platform/errors.ts';

// Only what names the object can refuse an event; what merely advises is dropped where it is not as expected. An event that is refused
// wakes nobody, and the object then waits for a sweep.
const advice = z.string().min(1).nullable().catch(null);

const notificationSchema = z.object({
  Key: z.string().nullish(),
  Records: z.array(z.unknown()).nullable(),
});

const recordSchema = z.object({
  eventName: z.string().min(1),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({ key: z.string(), versionId: advice, sequencer: advice }),
  }),
});

/**
 * Throws an AppError of disposition `refuse`: UNDECODABLE_JSON, NOT_A_NOTIFICATION, NO_RECORD, MANY_RECORDS, EMPTY_KEY, BAD_KEY_ESCAPE,
 * KEY_NOT_STORABLE, KEY_MISMATCH. Unknown fields are ignored, and the size (absent for an empty object), requestParameters (null from the
 * lifecycle scanner) and the rest are not read at all.
 */
export function decodeObjectEvent(bytes: Uint8Array): ObjectEvent {
  const notification = parsed(notificationSchema, parseJson(bytes));
  const [first, ...more] = notification.Records ?? [];
  if (first === undefined) throw refused('NO_RECORD', 'the notification has no record');
  if (more.length > 0)
    throw refused('MANY_RECORDS', 'the notification has more than one record', { records: more.length + 1 });

  const { eventName, s3 } = parsed(recordSchema, first);
  const bucket = s3.bucket.name;
  const key = decodeKey(s3.object.key);
  // MinIO tells the key twice: escaped in the record, raw after the bucket on top. Where they disagree one of the two was encoded or
  // decoded once too often, and looking at the wrong object would settle the event without a trace.
  if (typeof notification.Key === 'string' && notification.Key !== `${bucket}/${key}`) {
    throw refused('KEY_MISMATCH', 'the record and the notification name different objects', {
      bucket,
      key,
      top: notification.Key,
    });
  }
  return {
    bucket,
    key,
    name: eventName.startsWith('s3:') ? eventName : `s3:${eventName}`,
    versionId: s3.object.versionId,
    sequencer: s3.object.sequencer,
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refused('UNDECODABLE_JSON', 'the message is no JSON text', { bytes: bytes.length }, cause);
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw refused(
    'NOT_A_NOTIFICATION',
    `the message is no bucket notification: ${z.prettifyError(result.error)}`,
    {},
    result.error,
  );
}

/** Once: keys come as Go's url.QueryEscape writes them, and a key may itself look escaped. */
function decodeKey(escaped: string): string {
  if (escaped === '') throw refused('EMPTY_KEY', 'the record names no key');
  let key: string;
  try {
    key = decodeURIComponent(escaped.replaceAll('+', ' '));
  } catch (cause) {
    throw refused('BAD_KEY_ESCAPE', 'the key is not escaped as a query is', { escaped }, cause);
  }
  // PostgreSQL's text has no NUL: such a row could never be written, however often it is tried.
  if (key.includes('\0')) throw refused('KEY_NOT_STORABLE', 'the key contains a NUL character', { escaped });
  return key;
}

function refused(code: string, message: string, details: Record<string, unknown> = {}, cause?: unknown): AppError {
  return new AppError(code, message, { disposition: 'refuse', details, cause });
}
