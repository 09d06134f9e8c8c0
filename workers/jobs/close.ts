// BullMQ closes when what runs has ended, however long that takes; here it has a deadline.
import type { Log } from '../platform/log.ts';

export interface Closable {
  close(force?: boolean): Promise<void>;
}

/** Never rejects, may be called twice. What is given up is taken up again by the next planner. */
export async function closeWithin(closing: Closable, deadlineMs: number, what: string, log: Log): Promise<void> {
  const over = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => over.resolve('late'), deadlineMs);
  try {
    if ((await Promise.race([closing.close(), over.promise])) === 'late') {
      log.warn({ what, deadlineMs }, 'jobs do not end, given up');
      await closing.close(true);
    }
  } catch (err) {
    log.warn({ what, err }, 'closing jobs failed');
  } finally {
    clearTimeout(timer);
  }
}
