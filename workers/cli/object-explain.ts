// `millrace object explain`: everything that is known of one object, in order, and what would help.
import { parseRef } from '../model/object-ref.ts';
import { versionToken } from '../model/object-version.ts';
import { explain, type ObjectStory } from '../pipeline/explain.ts';
import { AppError } from '../platform/errors.ts';
import { withDesk } from './desk.ts';
import type { ConfigurationOptions } from './load-configuration.ts';
import { bytes, printable } from './object-text.ts';
import type { Session } from './session.ts';
import { sinceTime } from './selection.ts';

export interface ExplainCommand {
  readonly since?: string;
  readonly json?: boolean;
}

export async function explainObject(
  path: string,
  { since, json = false }: ExplainCommand,
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  const nowMs = Date.now();
  const sinceMs = since === undefined ? undefined : sinceTime(since, nowMs);
  return withDesk(options, session, async (desk) => {
    const ref = parseRef(desk.wanted.store, path);
    if (ref === null) {
      throw new AppError('USAGE', `${JSON.stringify(path)} is not <bucket>/<key>`, {
        remedy: 'Write it like images/cats/1.jpg.',
      });
    }
    const { wanted, decoders } = desk;
    const story = await explain(ref, desk, { wanted, decoders, nowMs, sinceMs });
    await session.output.line(json ? JSON.stringify(viewOf(story)) : textOf(story));
    return 0;
  });
}

/** Its JSON shape is promised. */
function viewOf(story: ObjectStory) {
  const { ref, sighting, row, events, attempts, sets, letters, desired, diagnosis } = story;
  return {
    bucket: ref.bucket,
    key: ref.key,
    ...diagnosis,
    store: sighting.kind === 'present' ? { state: 'present', ...sighting.version } : { state: sighting.kind },
    row: row && {
      state: row.state,
      revision: row.revision,
      etag: row.version.etag,
      generation: row.generation,
      tier: row.tier,
      committed: iso(row.committedAtMs),
      set: row.set?.id ?? null,
      refusal: row.refusal && {
        code: row.refusal.code,
        message: row.refusal.message,
        retryAt: row.refusal.retryAtMs === null ? null : iso(row.refusal.retryAtMs),
      },
    },
    desired: desired && { tier: desired.tier, presets: desired.presets.map(({ name }) => name) },
    events: events.map(({ streamSeq, atMs, path, name, sequencer }) => {
      return { streamSeq, at: iso(atMs), path, name, sequencer };
    }),
    attempts: attempts.map(({ setId, host, startedAtMs, ending, version }) => ({
      set: setId,
      host,
      started: iso(startedAtMs),
      ended: ending && iso(ending.endedAtMs),
      outcome: ending?.outcome ?? null,
      code: ending?.code ?? null,
      message: ending?.message ?? null,
      phasesMs: phasesOf(ending?.phasesMs ?? {}),
      ofPresentVersion: isPresent(version, story),
    })),
    sets: sets.map(({ id, state, volume, tier, host, createdAtMs, condemnedAtMs }) => {
      const condemned = condemnedAtMs === null ? null : iso(condemnedAtMs);
      return { id, state, volume, tier, host, created: iso(createdAtMs), condemned };
    }),
    deadLetters: letters.map(({ number, code, atMs }) => ({ number, code, at: iso(atMs) })),
  };
}

function textOf(story: ObjectStory): string {
  const { ref, sighting, desired, diagnosis } = story;
  const facts: (readonly [string, string | null])[] = [
    ['object', `${ref.bucket}/${printable(ref.key)}`],
    ['standing', diagnosis.standing],
    ['because', printable(diagnosis.because)],
    ['helps', diagnosis.help === null ? null : printable(diagnosis.help)],
    ['in store', sighting.kind === 'present' ? versionText(sighting.version) : sighting.kind],
    [
      'desired',
      desired === null ? 'nothing' : `${desired.presets.map(({ name }) => name).join(', ')} on tier ${desired.tier}`,
    ],
  ];
  const head = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(10)}${value}`]));
  const lines = happenings(story)
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, what, text }) => `  ${iso(atMs)}  ${what.padEnd(8)}${printable(text)}`);
  return [...head, lines.length === 0 ? 'nothing is remembered of it' : 'what happened', ...lines].join('\n');
}

interface Happening {
  readonly atMs: number;
  readonly what: 'event' | 'attempt' | 'set' | 'row' | 'letter';
  readonly text: string;
}

function happenings(story: ObjectStory): Happening[] {
  const { row, events, attempts, sets, letters } = story;
  return [
    ...events.map(({ atMs, streamSeq, path, name }): Happening => {
      return { atMs, what: 'event', text: `${name}, ${path}, EVENTS ${streamSeq}` };
    }),
    ...attempts.flatMap(({ startedAtMs, host, setId, ending, version }): Happening[] => {
      const of = isPresent(version, story) ? '' : ', of an earlier version';
      const began: Happening = { atMs: startedAtMs, what: 'attempt', text: `begun on ${host}, set ${setId}${of}` };
      if (ending === null) return [{ ...began, text: `${began.text}; it has not ended` }];
      const { outcome, code, message, phasesMs, endedAtMs } = ending;
      const why = [code, message].filter((part) => part !== null).join(': ');
      const phases = Object.entries(phasesOf(phasesMs)).map(([phase, ms]) => `${phase} ${ms}`);
      const text = [
        `${outcome} after ${endedAtMs - startedAtMs} ms`,
        ...(phases.length === 0 ? [] : [`(${phases.join(', ')} ms)`]),
        ...(why === '' ? [] : [why]),
      ].join(' ');
      return [began, { atMs: endedAtMs, what: 'attempt', text }];
    }),
    ...sets.flatMap(({ id, state, volume, tier, condemnedAtMs, createdAtMs }): Happening[] => {
      const set = `${id} on volume ${volume}, tier ${tier}`;
      return condemnedAtMs === null
        ? [{ atMs: createdAtMs, what: 'set', text: `${set}: ${state}` }]
        : [{ atMs: condemnedAtMs, what: 'set', text: `${set}: condemned` }];
    }),
    ...(row === null
      ? []
      : [
          {
            atMs: row.committedAtMs,
            what: 'row',
            text: `${row.state}, revision ${row.revision}${refusalText(row)}`,
          } as const,
        ]),
    ...letters.map(({ number, code, atMs }): Happening => ({ atMs, what: 'letter', text: `#${number} ${code}` })),
  ];
}

function refusalText({ refusal }: NonNullable<ObjectStory['row']>): string {
  return refusal === null ? '' : `, ${refusal.code}: ${refusal.message}`;
}

/** Of a gone object: of the version that it had last. */
function isPresent(version: string, { sighting, row }: ObjectStory): boolean {
  const last = sighting.kind === 'present' ? sighting.version : row?.version;
  return last === undefined || versionToken(last) === version;
}

function versionText({ etag, sizeBytes, contentType, modifiedAtS }: Parameters<typeof versionToken>[0]): string {
  return `etag ${etag}, ${bytes(sizeBytes)}, ${printable(contentType)}, of ${iso(modifiedAtS * 1_000)}`;
}

/** Whole milliseconds, in the order in which a render passes them. */
function phasesOf(phasesMs: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const place = (name: string) => (PHASES.includes(name) ? PHASES.indexOf(name) : PHASES.length);
  const ordered = Object.entries(phasesMs).toSorted(([a], [b]) => place(a) - place(b));
  return Object.fromEntries(ordered.map(([name, ms]) => [name, Math.round(ms)]));
}

const PHASES: readonly string[] = ['download', 'probe', 'decode', 'encode', 'write'];

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
