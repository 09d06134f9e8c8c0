// What a sample of the pool tells of its health: pure, so that each fault has its test.
import { errorCode } from '../model/error-codes.ts';
import type { Finding } from '../model/finding.ts';
import type { PoolSample } from '../model/pool-status.ts';

/** Streams above this are about to refuse. */
const FULL_SHARE = 0.9;

/** One finding for each fault, and one `fine` for each hop without any. */
export function examinePool(sample: PoolSample, tiers: readonly string[]): readonly Finding[] {
  return [
    ...orFine('lanes', lanes(sample), 'every lane that has work is served'),
    ...orFine('room in streams', rooms(sample), 'every stream has room'),
    ...orFine('processors', processors(sample), `${sample.processors.length} answer`),
    ...orFine('volumes', volumes(sample, tiers), 'every tier has an open volume'),
    ...orFine('debts', debts(sample), 'no sweep is owed, no removal withheld, no dead letter waits'),
  ];
}

export function finding(hop: string, state: Finding['state'], code: string, message: string, remedy?: string): Finding {
  return { hop, state, code, message, remedy: remedy ?? errorCode(code)?.remedy ?? null };
}

function orFine(hop: string, faults: readonly Finding[], message: string): readonly Finding[] {
  return faults.length > 0 ? faults : [{ hop, state: 'fine', code: null, message, remedy: null }];
}

function lanes({ lanes: all }: PoolSample): Finding[] {
  return all
    .filter(({ pending, underWay, pulls }) => pending > 0 && underWay + pulls === 0)
    .map(({ name, pending }) =>
      finding('lanes', 'broken', 'NOBODY_PULLS', `${pending} messages wait in ${name} and nobody takes them`),
    );
}

function rooms({ streams }: PoolSample): Finding[] {
  return (
    streams
      .filter(({ bytes, maxBytes }) => maxBytes > 0 && bytes > maxBytes * FULL_SHARE)
      // The others let the oldest go.
      .filter(({ name }) => name === 'EVENTS' || name === 'PLANNED' || name === 'DEAD_LETTERS')
      .map(({ name, bytes, maxBytes }) => {
        const code = name === 'EVENTS' ? 'EVENTS_FULL' : 'STREAM_FULL';
        return finding('room in streams', 'broken', code, `${name} has ${bytes} of ${maxBytes} bytes`);
      })
  );
}

function processors({ processors: all }: PoolSample): Finding[] {
  if (all.length === 0) return [finding('processors', 'broken', 'NO_PROCESSOR', 'no processor answers')];
  return all.flatMap(({ host, pid, generation, loops }) => {
    const who = `the processor on ${host} (${pid})`;
    const outdated =
      generation === null
        ? [
            finding(
              'processors',
              'broken',
              'CONFIG_OUTDATED',
              `${who} has another configuration than the registered one`,
            ),
          ]
        : [];
    const troubled = loops.flatMap(({ consumer, code }) =>
      code === null ? [] : [finding('processors', 'broken', code, `${who} is in trouble with ${consumer}`)],
    );
    const held = loops
      .filter(({ pauseMs }) => pauseMs > 0)
      .map(({ consumer }) =>
        finding(
          'processors',
          'broken',
          'HELD_BACK',
          `${who}: every message of ${consumer} fails, one at a time is tried`,
        ),
      );
    return [...outdated, ...troubled, ...held];
  });
}

function volumes({ volumes: all }: PoolSample, tiers: readonly string[]): Finding[] {
  return tiers.flatMap((tier) => {
    const own = all.filter((volume) => volume.tier === tier);
    if (own.length === 0)
      return [finding('volumes', 'broken', 'NO_KEEPER', `nobody announces a volume of tier ${tier}`)];
    const isServed = own.some(({ gate }) => gate.state === 'open');
    return own.flatMap(({ volumeId, host, gate }) =>
      gate.state === 'open'
        ? []
        : [
            finding(
              'volumes',
              isServed ? 'warning' : 'broken',
              gate.reason,
              `volume ${volumeId} on ${host}: ${gate.message}`,
            ),
          ],
    );
  });
}

function debts({ owedSweeps, withheldRemovals, streams }: PoolSample): Finding[] {
  const letters = streams.find(({ name }) => name === 'DEAD_LETTERS')?.messages ?? 0;
  return [
    ...owedSweeps.map(({ bucket, reason }) =>
      finding(
        'debts',
        'warning',
        'SWEEP_OWED',
        `a sweep of ${bucket} is owed: ${reason}`,
        `Run millrace sweep --bucket ${bucket}.`,
      ),
    ),
    ...withheldRemovals.map(({ bucket, count }) =>
      finding('debts', 'warning', 'REMOVALS_WITHHELD', `${count} removals of ${bucket} wait for a word`),
    ),
    ...(letters === 0 ? [] : [finding('debts', 'warning', 'LETTERS_WAIT', `${letters} dead letters wait to be read`)]),
  ];
}
