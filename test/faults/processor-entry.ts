// A processor as a process of its own, which stops where the plan of the test says.
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { superviseRole } from '../../workers/cli/run-role.ts';
import { configurationFrom } from '../../workers/model/configuration.ts';
import { decodeWorkItem } from '../../workers/model/messages.ts';
import type { IncomingMessage } from '../../workers/nats/message.ts';
import type { LoopStep } from '../../workers/nats/pull-loop.ts';
import { decodeObjectEvent } from '../../workers/pipeline/decode-event.ts';
import type { Step } from '../../workers/pipeline/ports.ts';
import { createLog } from '../../workers/platform/log.ts';
import { startProcessor } from '../../workers/roles/processor.ts';
import { faultFiles, type Lane, meet } from './fault.ts';

const { FAULT_FOLDER = '', FAULT_CONFIGURATION = '', FAULT_ACK_WAIT_MS = '', NODE_COMPILE_CACHE = '' } = process.env;
// Whoever is killed writes no cache when it ends; with one a process starts in half the time.
flushCompileCache();
const files = faultFiles(FAULT_FOLDER);
const plan = files.readPlan();
const configuration = configurationFrom(JSON.parse(readFileSync(FAULT_CONFIGURATION, 'utf8')));
const log = createLog({ role: 'processor', level: configuration.log.level });

/** How often each step was reached in the handling of one delivery. */
const visits = new Map<string, number>();

async function reached(step: Step | LoopStep, message: IncomingMessage): Promise<void> {
  const object = objectOf(message);
  if (object === null) return;
  const messageId = `${message.stream}:${message.streamSeq}`;
  const visit = `${messageId}:${message.deliveryCount}:${step}`;
  const nth = (visits.get(visit) ?? 0) + 1;
  visits.set(visit, nth);
  files.note({ pid: process.pid, step, lane: laneOf(message), messageId, ...object });
  const fault = plan.find(
    ({ bucket, key, at }) =>
      bucket === object.bucket &&
      key === object.key &&
      at.process === 'processor' &&
      at.lane === laneOf(message) &&
      at.step === step &&
      (at.nth ?? 1) === nth,
  );
  if (fault !== undefined) await meet(files, fault, messageId);
}

function laneOf({ subject }: IncomingMessage): Lane {
  if (subject.startsWith('planned.')) return 'planned';
  return subject.includes('.removed') ? 'removed' : 'created';
}

/** Null: no message of an object; what happens to it is not what these tests are about. */
function objectOf(message: IncomingMessage): { bucket: string; key: string } | null {
  try {
    const { bucket, key } =
      laneOf(message) === 'planned' ? decodeWorkItem(message.data).ref : decodeObjectEvent(message.data);
    return { bucket, key };
  } catch (error) {
    log.info({ err: error }, 'a message without an object');
    return null;
  }
}

const hooks = {
  reached,
  ackWaitMs: Number(FAULT_ACK_WAIT_MS),
  renderers: { entry: new URL('./renderer-entry.ts', import.meta.url), env: { FAULT_FOLDER, NODE_COMPILE_CACHE } },
};
process.exit(
  await superviseRole((signal) => startProcessor(configuration, log, signal, hooks), {
    log,
    healthPort: configuration.processor.healthPort,
    io: {
      onSignal(listener) {
        process.on('SIGTERM', listener);
        return () => process.off('SIGTERM', listener);
      },
      exit: (code) => process.exit(code),
    },
  }),
);
