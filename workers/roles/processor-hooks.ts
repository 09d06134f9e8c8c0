// For fault tests: where the process stops, which program its renderers run, and how soon what it held comes again. Empty in production.
import type { RenderersOptions } from '../imaging/renderers.ts';
import type { IncomingMessage } from '../nats/message.ts';
import type { LoopStep } from '../nats/pull-loop.ts';
import type { Step } from '../pipeline/ports.ts';

export interface ProcessorHooks {
  /** Awaited after each step. */
  readonly reached?: (step: Step | LoopStep, message: IncomingMessage) => Promise<void> | void;
  readonly renderers?: Pick<RenderersOptions, 'entry' | 'env' | 'execArgv'>;
  /** As the consumers were provisioned. */
  readonly ackWaitMs?: number;
}
