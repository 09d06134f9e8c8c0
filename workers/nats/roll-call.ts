// Who is there: processors answer a question that everybody hears, for `status`. Nothing is kept, so nothing can be stale; who is stopped is silent.
import { setTimeout as delay } from 'node:timers/promises';
import { createInbox } from 'nats';
import { type ProcessorReport, decodeProcessorReport } from '../model/pool-status.ts';
import type { Log } from '../platform/log.ts';
import type { Nats } from './connect.ts';
import { natsError } from './errors.ts';

const SUBJECT = 'status.v1.processors';
const WAIT_MS = 400;

/** Until disposed. */
export function answerRollCall(nats: Nats, report: () => ProcessorReport, log: Log): Disposable {
  const subscription = nats.connection.subscribe(SUBJECT, {
    callback: (error, message) => {
      if (error === null) message.respond(JSON.stringify(report()));
      else log.warn({ err: error }, 'roll call not heard: status will not show this process');
    },
  });
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}

/** Whoever answered within `waitMs`, by host and pid. Rejects with a retry error. */
export async function callRoll(
  { connection, inboxPrefix }: Nats,
  waitMs = WAIT_MS,
): Promise<readonly ProcessorReport[]> {
  const reports: ProcessorReport[] = [];
  try {
    const inbox = createInbox(inboxPrefix);
    const answers = connection.subscribe(inbox, {
      callback: (error, { data }) => {
        // Where nobody listens the server itself answers, with nothing.
        const report = error === null ? decodeProcessorReport(data) : null;
        if (report !== null) reports.push(report);
      },
    });
    try {
      connection.publish(SUBJECT, undefined, { reply: inbox });
      await delay(waitMs);
    } finally {
      answers.unsubscribe();
    }
  } catch (cause) {
    throw natsError(cause, 'asking who is there');
  }
  return reports.toSorted((a, b) => (a.host === b.host ? a.pid - b.pid : a.host < b.host ? -1 : 1));
}
