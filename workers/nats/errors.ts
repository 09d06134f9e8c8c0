// What NATS and JetStream throw, as errors of ours: a stable code, and what was being done.
import { JetStreamApiCodes, JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors } from 'nats';
import { AppError } from '../platform/errors.ts';

/** JetStream's own number for "the stream has no room" (`discard: new`). */
const STREAM_FULL = 10_077;

/** `doing` completes the sentence "… failed": `publishing to dead.v1.EVENTS.changes`. An AppError is given back as it is. */
export function natsError(error: unknown, doing: string): AppError {
  if (error instanceof AppError) return error;
  return new AppError(codeOfNats(error), `${doing} failed`, { cause: error });
}

/** True where a consumer or its stream is not there: only an operator's `provision` brings it back. */
export function isMissing(error: AppError): boolean {
  return error.code === 'CONSUMER_MISSING' || error.code === 'STREAM_MISSING';
}

function codeOfNats(error: unknown): string {
  if (error instanceof JetStreamApiError) return codeOfApi(error.code);
  if (error instanceof JetStreamError) return codeOfStatus(error);
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError)
    return 'NATS_CLOSED';
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return 'NATS_AUTH';
  if (error instanceof errors.PermissionViolationError) return 'NATS_DENIED';
  // A publish that no stream listens to comes back as this; its class is not exported.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled') return 'STREAM_MISSING';
  if (error instanceof errors.RequestError && error.isNoResponders()) return 'NO_RESPONDERS';
  if (error instanceof Error && error.cause !== undefined) return codeOfNats(error.cause);
  if (error instanceof errors.TimeoutError) return 'NATS_TIMEOUT';
  return 'NATS_UNREACHABLE';
}

function codeOfApi(apiCode: number): string {
  if (apiCode === JetStreamApiCodes.ConsumerNotFound) return 'CONSUMER_MISSING';
  if (apiCode === JetStreamApiCodes.StreamNotFound) return 'STREAM_MISSING';
  return apiCode === STREAM_FULL ? 'STREAM_FULL' : `JETSTREAM_${apiCode}`;
}

/** How a pull ended, by the server's words: their class is not exported either. */
function codeOfStatus(error: JetStreamError): string {
  const words = error.message.toLowerCase();
  if (words.includes('consumer deleted') || words.includes('consumer not found')) return 'CONSUMER_MISSING';
  if (words.includes('stream deleted') || words.includes('stream not found')) return 'STREAM_MISSING';
  if (words.includes('leadership')) return 'LEADER_CHANGED';
  if (words.includes('heartbeats missed')) return 'HEARTBEATS_MISSED';
  if (words.includes('no responders')) return 'NO_RESPONDERS';
  return 'PULL_REFUSED';
}
