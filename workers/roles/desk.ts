// Index, store and JetStream for one command of an operator. Wiring.
import type { Desk, Run } from '../cli/deps.ts';
import { openIndex } from '../index/open-index.ts';
import { type Configuration, wantedOf } from '../model/configuration.ts';
import { connectNats } from '../nats/connect.ts';
import { openDeadLetterBox } from '../nats/dead-letter-box.ts';
import { createWorkItems } from '../nats/work-items.ts';
import { AppError } from '../platform/errors.ts';
import { databaseOptions, natsOptions } from './connections.ts';

/** A person waits: a server that is away is told, not waited for. */
const PATIENCE_MS = 5_000;

/** Errors: those of the index, `NATS_UNREACHABLE`. */
export async function openDesk(configuration: Configuration, { log, signal }: Run): Promise<Desk> {
  await using opened = new AsyncDisposableStack();
  const index = opened.use(openIndex(databaseOptions(configuration, 'operator'), log));
  await index.verifyIndex();
  const nats = opened.use(await connect(configuration, { log, signal }));
  const wanted = wantedOf(configuration, (await index.currentGeneration())?.number ?? 0);
  const { store } = wanted;
  const rest = opened.move();
  return {
    wanted,
    index: {
      row: index.row,
      commit: index.commit,
      refused: (bucket, prefix) =>
        index.list({
          store,
          state: 'refused',
          ...(bucket === undefined ? {} : { bucket }),
          ...(prefix === undefined ? {} : { prefix }),
        }),
    },
    letters: openDeadLetterBox(nats),
    workItems: createWorkItems(nats),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

async function connect(configuration: Configuration, { log, signal }: Run) {
  const late = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await connectNats(natsOptions(configuration, 'operator'), log, AbortSignal.any([signal, late]));
  } catch (cause) {
    if (!late.aborted || signal.aborted) throw cause;
    throw new AppError('NATS_UNREACHABLE', `NATS did not answer within ${PATIENCE_MS / 1_000} s`, { cause });
  }
}
