// kill -9 and SIGSTOP of a processor or renderer at every step between a message and its ack: another one takes over, and the end is exact.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { untilGone, untilStopped } from './crew.ts';
import type { Ending, Fault } from './fault.ts';
import { LEASE_MS, startWorld, TIER, type World } from './harness.ts';
import { picture } from './pictures.ts';

type At = Fault['at'];

/** What happens to the object while the process waits at its fault. */
type Meanwhile = 'nothing' | 'overwritten' | 'deleted' | 'restored' | 'put again';

interface Case {
  readonly name: string;
  readonly fault: Fault;
  readonly ending: Ending;
  readonly meanwhile: Meanwhile;
  readonly number: number;
}

const FILES = ['large.webp', 'medium.webp', 'thumb.webp'] as const;
const PROCESSOR_ENDINGS = ['kill', 'stop'] as const;
const RENDERER_ENDINGS = ['kill', 'stop', 'stop-both'] as const;

function* ofCreated(): Generator<readonly [At, Ending, Meanwhile]> {
  const at = { process: 'processor', lane: 'created' } as const;
  const steps = ['taken', 'looked', 'slot', 'claimed', 'rendered', 'committed', 'told', 'settling', 'settled'] as const;
  for (const ending of PROCESSOR_ENDINGS) {
    for (const step of steps) yield [{ ...at, step }, ending, 'nothing'];
    yield [{ ...at, step: 'looked', nth: 2 }, ending, 'nothing'];
    for (const step of ['claimed', 'rendered', 'committed'] as const) {
      yield [{ ...at, step }, ending, 'overwritten'];
      yield [{ ...at, step }, ending, 'deleted'];
    }
    for (const step of ['claimed', 'rendered'] as const) yield [{ ...at, step }, ending, 'restored'];
  }
}

function* ofRenderers(): Generator<readonly [At, Ending, Meanwhile]> {
  const at = { process: 'renderer' } as const;
  for (const ending of RENDERER_ENDINGS) {
    for (const point of ['received', 'downloaded', 'decoded', 'facts-written', 'replying'] as const)
      yield [{ ...at, point }, ending, 'nothing'];
    for (const file of ending === 'kill' ? FILES : FILES.slice(0, 1))
      yield [{ ...at, point: 'file-written', file }, ending, 'nothing'];
    yield [{ ...at, point: 'downloaded' }, ending, 'overwritten'];
    yield [{ ...at, point: 'received' }, ending, 'restored'];
    yield [{ ...at, point: 'decoded' }, ending, 'deleted'];
  }
}

function* ofRemoved(): Generator<readonly [At, Ending, Meanwhile]> {
  const at = { process: 'processor', lane: 'removed' } as const;
  const steps = ['taken', 'looked', 'committed', 'told', 'forgotten', 'settling', 'settled'] as const;
  for (const ending of PROCESSOR_ENDINGS) {
    for (const step of steps) yield [{ ...at, step }, ending, 'nothing'];
    yield [{ ...at, step: 'looked', nth: 2 }, ending, 'nothing'];
    for (const step of ['looked', 'committed', 'told'] as const) yield [{ ...at, step }, ending, 'put again'];
  }
}

/** An older version is uncovered: the removals lane hands over … */
function* ofHandingOver(): Generator<readonly [At, Ending, Meanwhile]> {
  for (const ending of PROCESSOR_ENDINGS)
    yield [{ process: 'processor', lane: 'removed', step: 'handed-over' }, ending, 'nothing'];
}

/** … and the urgent lane renders. */
function* ofHandedOver(): Generator<readonly [At, Ending, Meanwhile]> {
  const steps = ['taken', 'claimed', 'rendered', 'committed', 'told', 'settling'] as const;
  for (const ending of PROCESSOR_ENDINGS)
    for (const step of steps) yield [{ process: 'processor', lane: 'planned', step }, ending, 'nothing'];
}

const ENDINGS = { kill: 'kill -9 of a', stop: 'SIGSTOP of a', 'stop-both': 'SIGSTOP of processor and', go: '' };

function casesOf(bucket: string, cases: Iterable<readonly [At, Ending, Meanwhile]>): readonly Case[] {
  return [...cases].map(([at, ending, meanwhile], count) => {
    const where = at.process === 'processor' ? [at.lane, at.step, at.nth] : [at.point, at.file];
    const words = [at.process, 'at', ...where.filter((word) => word !== undefined)].join(' ');
    const name = `${ENDINGS[ending]} ${words}${meanwhile === 'nothing' ? '' : `, object ${meanwhile}`}`;
    const id = name.replaceAll(/[^\w.]+/g, '-');
    return { name, fault: { id, bucket, key: `${id}.jpg`, at }, ending, meanwhile, number: count * 2 };
  });
}

const CREATED = casesOf('photos', [...ofCreated(), ...ofRenderers()]);
const REMOVED = casesOf('photos', ofRemoved());
const HANDING_OVER = casesOf('versions', ofHandingOver());
const HANDED_OVER = casesOf('versions', ofHandedOver());

let world: World;
before(async () => {
  world = await startWorld({
    faults: [...CREATED, ...REMOVED, ...HANDING_OVER, ...HANDED_OVER].map(({ fault }) => fault),
    configuration: (own) => ({
      ...own,
      limits: { renderTimeoutS: 3 }, // after which a processor gives a stopped renderer up
      sources: [
        { bucket: 'photos', tier: TIER },
        { bucket: 'versions', tier: TIER },
      ],
    }),
  });
  await world.s3.setBucketVersioning('versions', { Status: 'Enabled' });
  await world.crew.hire(8);
});
after(() => world.stop());

// Fewer at a time than there are processors: somebody is left to take over. One group after the other: a processor serves all lanes
// at once, and must not be killed at one fault while it waits at another.
const options = { concurrency: 6, timeout: 120_000 };

describe('I1, I3: a created object survives whoever handles it', options, () => {
  for (const each of CREATED) {
    test(each.name, async () => {
      await world.put(each.fault.bucket, each.fault.key, await picture(each.number));
      await meetFault(each);
    });
  }
});

describe('I1, I5: a removal survives whoever handles it', options, () => {
  before(async () => {
    for (const { fault, number } of REMOVED) await world.put(fault.bucket, fault.key, await picture(number));
    // Also the copies that the journal delivers later: one of them would find the removal before its own messages do.
    await world.quiet();
  });
  for (const each of REMOVED) {
    test(each.name, async () => {
      await world.s3.removeObject(each.fault.bucket, each.fault.key);
      await meetFault(each);
    });
  }
});

describe('I1: a hand-over survives who hands over, and who takes over', { timeout: 120_000 }, () => {
  before(async () => {
    for (const { fault, number } of [...HANDING_OVER, ...HANDED_OVER]) {
      await world.put(fault.bucket, fault.key, await picture(number));
      await world.put(fault.bucket, fault.key, await picture(number + 1));
    }
    await world.quiet();
  });
  for (const [who, cases] of Object.entries({ 'who hands over': HANDING_OVER, 'who takes over': HANDED_OVER })) {
    describe(who, options, () => {
      for (const each of cases) {
        test(each.name, async () => {
          const { bucket, key } = each.fault;
          const { versionId } = await world.s3.statObject(bucket, key);
          await world.s3.removeObject(bucket, key, { versionId: versionId ?? '' });
          await meetFault(each);
        });
      }
    });
  }
});

test('I2, I4: in the end rows, sets, volumes and outcomes are exact, and every processor ended as it was told to', async () => {
  await world.exact();
  assert.deepEqual(await world.crew.dismiss(), []);
});

async function meetFault({ fault, ending, meanwhile, number }: Case): Promise<void> {
  const { bucket, key, at } = fault;
  const { pid, parentPid, messageId } = await world.fired(fault);
  await change(fault, meanwhile, number);
  world.release(fault, ending);
  if (ending === 'kill') await untilGone(pid);
  else if (ending === 'stop' && at.process === 'renderer') {
    await untilGone(pid); // its processor loses patience
  } else {
    await untilStopped(pid);
    const stoppedAtMs = performance.now();
    await world.settled(bucket, key); // by others
    // Told, but not acked. Who is stopped after the ack leaves nothing to take over.
    if (messageId !== null && !(at.process === 'processor' && at.step === 'settled')) {
      await world.takenOver(messageId, pid);
    }
    await delay(Math.max(0, stoppedAtMs + LEASE_MS + 500 - performance.now())); // the lease is over, by any clock
    if (ending === 'stop-both') process.kill(parentPid, 'SIGCONT');
    process.kill(pid, 'SIGCONT');
  }
  await world.settled(bucket, key);
}

async function change({ bucket, key }: Fault, meanwhile: Meanwhile, number: number): Promise<void> {
  switch (meanwhile) {
    case 'nothing':
      return;
    case 'overwritten':
    case 'put again':
      return void (await world.put(bucket, key, await picture(number + 1)));
    case 'deleted':
      return world.s3.removeObject(bucket, key);
    case 'restored':
      await world.put(bucket, key, await picture(number + 1));
      await world.put(bucket, key, await picture(number));
  }
}
