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

const CREATED = ['taken', 'looked', 'slot', 'claimed', 'rendered', 'committed', 'told', 'settling', 'settled'] as const;
const REMOVED = ['taken', 'looked', 'committed', 'told', 'forgotten', 'settling', 'settled'] as const;
const HANDED_OVER = ['handed-over', 'settling'] as const;
const PLANNED = ['taken', 'claimed', 'rendered', 'committed', 'told', 'settling'] as const;
const FILES = ['large.webp', 'medium.webp', 'thumb.webp'] as const;

function* cases(): Generator<readonly [At, Ending, Meanwhile]> {
  for (const ending of ['kill', 'stop'] as const) {
    for (const step of CREATED) yield [{ process: 'processor', lane: 'created', step }, ending, 'nothing'];
    yield [{ process: 'processor', lane: 'created', step: 'looked', nth: 2 }, ending, 'nothing'];
    for (const step of ['looked', 'claimed', 'rendered', 'committed', 'told'] as const)
      yield [{ process: 'processor', lane: 'created', step }, ending, 'overwritten'];
    for (const step of ['looked', 'claimed', 'rendered', 'committed', 'told'] as const)
      yield [{ process: 'processor', lane: 'created', step }, ending, 'deleted'];
    for (const step of ['claimed', 'rendered', 'committed'] as const)
      yield [{ process: 'processor', lane: 'created', step }, ending, 'restored'];

    for (const step of REMOVED) yield [{ process: 'processor', lane: 'removed', step }, ending, 'nothing'];
    yield [{ process: 'processor', lane: 'removed', step: 'looked', nth: 2 }, ending, 'nothing'];
    for (const step of ['looked', 'committed', 'told'] as const)
      yield [{ process: 'processor', lane: 'removed', step }, ending, 'put again'];

    // An older version uncovered: the removals lane hands over, the urgent lane renders.
    for (const step of HANDED_OVER) yield [{ process: 'processor', lane: 'removed', step }, ending, 'nothing'];
    for (const step of PLANNED) yield [{ process: 'processor', lane: 'planned', step }, ending, 'nothing'];
  }
  for (const ending of ['kill', 'stop', 'stop-both'] as const) {
    for (const point of ['received', 'downloaded', 'decoded', 'facts-written', 'replying'] as const)
      yield [{ process: 'renderer', point }, ending, 'nothing'];
    for (const file of FILES) yield [{ process: 'renderer', point: 'file-written', file }, ending, 'nothing'];
    yield [{ process: 'renderer', point: 'downloaded' }, ending, 'overwritten'];
    yield [{ process: 'renderer', point: 'received' }, ending, 'restored'];
    yield [{ process: 'renderer', point: 'decoded' }, ending, 'deleted'];
  }
}

const ENDINGS = { kill: 'kill -9 of', stop: 'SIGSTOP of', 'stop-both': 'SIGSTOP of a processor and its', go: '' };

const CASES: readonly Case[] = [...cases()].map(([at, ending, meanwhile], number) => {
  const handedOver =
    at.process === 'processor' && (at.lane === 'planned' || (at.lane === 'removed' && at.step === 'handed-over'));
  const where =
    at.process === 'processor'
      ? `${at.lane} ${at.step}${at.nth === undefined ? '' : ` ${at.nth}`}`
      : `${at.point} ${at.file ?? ''}`.trim();
  const suffix = meanwhile === 'nothing' ? '' : `, object ${meanwhile}`;
  const id = `${number}-${at.process}-${where.replaceAll(' ', '-')}-${ending}-${meanwhile.replaceAll(' ', '-')}`;
  return {
    name: `${ENDINGS[ending]} ${ending === 'stop-both' ? '' : 'a '}${at.process} at ${where}${suffix}`,
    fault: { id, bucket: handedOver ? 'versions' : 'photos', key: `${id}.jpg`, at },
    ending,
    meanwhile,
    number: number * 3,
  };
});

describe('I1, I2, I3: a change survives whoever handles it', { concurrency: 4, timeout: 240_000 }, () => {
  let world: World;
  before(async () => {
    world = await startWorld({
      faults: CASES.map(({ fault }) => fault),
      configuration: (own) => ({
        ...own,
        sources: [
          { bucket: 'photos', tier: TIER },
          { bucket: 'versions', tier: TIER },
        ],
      }),
    });
    await world.s3.setBucketVersioning('versions', { Status: 'Enabled' });
    await world.crew.hire(6);
  });

  for (const each of CASES) test(each.name, () => meetFault(world, each));

  after(async () => {
    try {
      await world.exact();
      assert.deepEqual(await world.crew.dismiss(), [], 'every processor ended as it was told to');
    } finally {
      await world.stop();
    }
  });
});

async function meetFault(world: World, { fault, ending, meanwhile, number }: Case): Promise<void> {
  await provoke(world, fault, number);
  const { pid, parentPid, messageId } = await world.fired(fault);
  await change(world, fault, meanwhile, number);
  world.release(fault, ending);

  if (ending === 'kill') await untilGone(pid);
  else if (fault.at.process === 'renderer' && ending === 'stop') {
    await untilGone(pid); // its processor loses patience
  } else {
    await untilStopped(pid);
    const stoppedAtMs = performance.now();
    // Who is stopped after its ack leaves nothing to take over.
    if (messageId !== null && !(fault.at.process === 'processor' && fault.at.step === 'settled')) {
      await world.takenOver(messageId, pid);
    }
    if (messageId === null) await world.settled(fault.bucket, fault.key);
    await delay(Math.max(0, stoppedAtMs + LEASE_MS + 500 - performance.now())); // the lease is over
    if (ending === 'stop-both') process.kill(parentPid, 'SIGCONT');
    process.kill(pid, 'SIGCONT');
  }
  await world.settled(fault.bucket, fault.key);
}

/** Makes the event at whose handling somebody waits. */
async function provoke(world: World, { bucket, key, at }: Fault, number: number): Promise<void> {
  await world.put(bucket, key, await picture(number));
  if (at.process === 'renderer' || at.lane === 'created') return;
  if (bucket === 'versions') await world.put(bucket, key, await picture(number + 1));
  // Also the copies that the journal delivers later: one of them would find the removal before its own messages do.
  await world.messagesSettled(bucket, key, bucket === 'versions' ? 4 : 2);
  const { versionId } = await world.s3.statObject(bucket, key);
  await world.s3.removeObject(bucket, key, bucket === 'versions' ? { versionId: versionId ?? '' } : {});
}

async function change(world: World, { bucket, key }: Fault, meanwhile: Meanwhile, number: number): Promise<void> {
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
