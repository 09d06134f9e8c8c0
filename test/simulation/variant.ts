// The pipeline as it is, or with one rule left out. Product code has no switch for that: a variant wraps ports, twins or the look.
import { observe } from '../../workers/pipeline/observe.ts';
import type { Ports } from '../../workers/pipeline/ports.ts';
import { ALL_FENCES, type Fences } from './twins/memory-index.ts';

export interface Variant {
  readonly fences: Fences;
  /** Downloads give the bytes of the version asked for, or none. */
  readonly ifMatch: boolean;
  readonly scrubs: boolean;
  /** Each run of a sweep publishes under message ids of its own. */
  readonly sweepsAnew: boolean;
  /** What the keeper waits before it removes a condemned set. */
  readonly graceMs: number;
  readonly look: typeof observe;
  /** The ports of one handling, and what goes with them. */
  readonly wrap: (ports: Ports, handling: Handling) => Wrapped;
}

export interface Handling {
  readonly deliveryCount: number;
  readonly look: typeof observe;
}

export interface Wrapped {
  readonly ports: Ports;
  readonly look: typeof observe;
  /** Runs when the ack has been sent. */
  readonly afterAck: () => void;
}

/** How long a condemned set stays readable (I4). */
export const GRACE_MS = 600_000;

export const CORRECT: Variant = {
  fences: ALL_FENCES,
  ifMatch: true,
  scrubs: true,
  sweepsAnew: true,
  graceMs: GRACE_MS,
  look: observe,
  wrap: (ports, { look }) => ({ ports, look, afterAck: () => undefined }),
};
