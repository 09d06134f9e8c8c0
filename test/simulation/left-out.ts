// The rules of DESIGN 1 and 2, each left out on purpose. What a listed seed of `teeth.ts` then breaks is what the rule is for.
import type { Outcome } from '../../workers/model/messages.ts';
import { type Observed, observe } from '../../workers/pipeline/observe.ts';
import type { Ports } from '../../workers/pipeline/ports.ts';
import { CORRECT, type Handling, type Variant, type Wrapped } from './variant.ts';

export const LEFT_OUT = {
  'second look': { ...CORRECT, wrap: withoutSecondLook },
  'row before object': { ...CORRECT, look: objectBeforeRow },
  'revision fence': { ...CORRECT, fences: { ...CORRECT.fences, row: false } },
  'set fence': { ...CORRECT, fences: { ...CORRECT.fences, set: false } },
  'lease fence': { ...CORRECT, fences: { ...CORRECT.fences, lease: false } },
  'one claim a version': { ...CORRECT, fences: { ...CORRECT.fences, claim: false } },
  'If-Match': { ...CORRECT, ifMatch: false },
  'telling before ack': { ...CORRECT, wrap: tellingAfterAck },
  'telling what others committed': { ...CORRECT, wrap: tellingOwnOnly },
  'removal as a commit': { ...CORRECT, fences: { ...CORRECT.fences, removalIsCommit: false } },
  scrub: { ...CORRECT, scrubs: false },
  'sweeps publish anew': { ...CORRECT, sweepsAnew: false },
  grace: { ...CORRECT, graceMs: 0 },
} satisfies Record<string, Variant>;

export type Rule = keyof typeof LEFT_OUT;

/** After a commit the next look says what the commit itself believed. */
function withoutSecondLook(ports: Ports, { look }: Handling): Wrapped {
  let before: Observed | null = null;
  let committed: Observed['row'] = null;
  return {
    ...CORRECT.wrap(ports, { look, deliveryCount: 1 }),
    ports: {
      ...ports,
      index: {
        ...ports.index,
        async commit(request) {
          const answer = await ports.index.commit(request);
          if (answer.kind === 'committed') committed = answer.row;
          return answer;
        },
      },
    },
    async look(ref, inner) {
      if (before !== null && committed !== null) return { ...before, row: committed };
      before = await look(ref, inner);
      return before;
    },
  };
}

/** The right look with its two questions turned round. */
async function objectBeforeRow(
  ref: Observed['ref'],
  { index, objects }: Parameters<typeof observe>[1],
): Promise<Observed> {
  const sighting = await objects.look(ref);
  return observe(ref, { index, objects: { ...objects, look: async () => sighting } });
}

/** The handler is made to believe that the outcome is told; it is, some time after the ack. */
function tellingAfterAck(ports: Ports, handling: Handling): Wrapped {
  const untold: Outcome[] = [];
  return {
    ...CORRECT.wrap(ports, handling),
    ports: {
      ...ports,
      outcomes: {
        async tell(outcome) {
          untold.push(outcome);
        },
      },
    },
    afterAck() {
      for (const outcome of untold) void ports.outcomes.tell(outcome).catch(() => undefined);
    },
  };
}

/** Told is only what this handling committed itself, or what an earlier delivery of this very message may have. */
function tellingOwnOnly(ports: Ports, handling: Handling): Wrapped {
  let committed = false;
  return {
    ...CORRECT.wrap(ports, handling),
    ports: {
      ...ports,
      index: {
        ...ports.index,
        async commit(request) {
          const answer = await ports.index.commit(request);
          committed ||= answer.kind === 'committed';
          return answer;
        },
      },
      outcomes: {
        async tell(outcome) {
          if (committed || handling.deliveryCount > 1 || outcome.state === 'removed')
            await ports.outcomes.tell(outcome);
        },
      },
    },
  };
}
