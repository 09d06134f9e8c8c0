// What `millrace provision` does for planned jobs: their tables.
import { Queue, connectionOf, jobsError, type JobsOptions } from './connection.ts';
import { PASSES } from './names.ts';

/** Idempotent, also run by several processes at once: BullMQ takes a lock. Errors: JOBS_TOO_NEW, JOBS_UNAVAILABLE. */
export async function provisionJobs(options: JobsOptions): Promise<void> {
  const queue = new Queue(PASSES, { connection: { ...connectionOf(options), migrate: true } });
  queue.on('error', () => undefined); // the call below rejects with it
  try {
    await queue.waitUntilReady();
  } catch (error) {
    throw jobsError(error, 'making the tables of planned jobs');
  } finally {
    await queue.close();
  }
}
