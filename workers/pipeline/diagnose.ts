// Why an object is as it is, and what would help: a plan put into words. Pure.
import { desiredOf, type Desired, refusalBasis, type Wanted } from '../model/desired.ts';
import { errorCode } from '../model/error-codes.ts';
import type { Attempt, KnownSet, LaneLoad } from '../model/history.ts';
import { versionToken } from '../model/object-version.ts';
import type { VolumeAnnouncement } from '../model/volume.ts';
import type { Observed } from './observe.ts';
import { type Plan, planFor, type Present } from './plan.ts';

export type Standing =
  /** As it should be. */
  | 'right'
  | 'refused'
  /** Somebody renders it now. */
  | 'under-way'
  /** Its turn comes. */
  | 'waiting'
  /** Nothing will happen before somebody does something. */
  | 'stuck'
  /** No source wants it. */
  | 'not-ours'
  | 'absent'
  /** The store does not tell. */
  | 'trouble';

export interface Diagnosis {
  readonly standing: Standing;
  readonly plan: Plan['kind'];
  /** One or two sentences. */
  readonly because: string;
  /** Null: nothing need be done. */
  readonly help: string | null;
}

export interface Circumstances {
  /** Newest first. */
  readonly attempts: readonly Attempt[];
  readonly sets: readonly KnownSet[];
  readonly lanes: readonly LaneLoad[];
  readonly keepers: readonly VolumeAnnouncement[];
  /** Numbers of dead letters about it. */
  readonly letters: readonly number[];
}

export function diagnose(observed: Observed, wanted: Wanted, present: Present, around: Circumstances): Diagnosis {
  const plan = planFor(observed, wanted, present);
  const { ref, row, sighting } = observed;
  const told = (standing: Standing, because: string, help: string | null = null): Diagnosis => {
    const [letter] = around.letters;
    const isOpen = standing === 'waiting' || standing === 'stuck';
    return letter !== undefined && isOpen
      ? {
          standing,
          plan: plan.kind,
          because,
          help: `${help ?? ''} See dead letter ${letter}: millrace dead-letter show ${letter}, then redrive.`.trim(),
        }
      : { standing, plan: plan.kind, because, help };
  };
  switch (plan.kind) {
    case 'nothing':
      if (sighting.kind === 'gone') {
        return row === null
          ? told('absent', 'It is not in the store, and the index has no row of it.')
          : told('absent', 'It is not in the store; its removal is committed and is being told.');
      }
      if (row?.state === 'refused' && row.refusal !== null) {
        const { code, message, retryAtMs } = row.refusal;
        const again = retryAtMs === null ? '' : ` It is tried again at ${new Date(retryAtMs).toISOString()}.`;
        return told('refused', `${code}: ${message}${again}`, errorCode(code)?.remedy ?? null);
      }
      if (row?.state === 'plain') return told('right', 'It is no picture: there is nothing to render.');
      return told(
        'right',
        `Its ${row?.set?.renditions.length ?? 0} renditions stand on volume ${row?.set?.volume ?? '?'}.`,
      );
    case 'skip':
      return told(
        'not-ours',
        `No source of the configuration covers bucket ${ref.bucket} with this key.`,
        remedyOf('NO_SOURCE'),
      );
    case 'outdated':
      return told(
        'stuck',
        'Its row was written under a newer configuration than this one.',
        remedyOf('CONFIG_OUTDATED'),
      );
    case 'trouble':
      return told(
        'trouble',
        `${plan.code}: ${errorCode(plan.code)?.meaning ?? 'nothing can be known about it now.'}`,
        remedyOf(plan.code),
      );
    case 'remove':
      return outstanding('It is gone from the store, and its row still stands.', ['removals', 'urgent', 'bulk'], null);
    case 'plain':
      return outstanding(
        'Name and content type say that it is no picture, and its row does not say so yet.',
        LOOKS,
        null,
      );
    case 'touch':
      return outstanding('Its bytes are the same under a new version, which its row does not have yet.', LOOKS, null);
    case 'render':
      return outstanding(whyRender(observed, plan.desired, wanted, present), LOOKS, plan);
  }

  /** What stands between a plan and its being carried out. */
  function outstanding(
    why: string,
    lanes: readonly LaneLoad['lane'][],
    render: Extract<Plan, { kind: 'render' }> | null,
  ): Diagnosis {
    if (render !== null) {
      const token = versionToken(render.version);
      const claim = around.sets.find(
        ({ state, isLeased, version }) => state === 'writing' && isLeased && version === token,
      );
      if (claim !== undefined) {
        return told('under-way', `${why} ${claim.host} renders it since ${new Date(claim.createdAtMs).toISOString()}.`);
      }
      const closed = closedTier(render.desired.tier, around.keepers);
      if (closed !== null) return told('stuck', `${why} ${closed.because}`, closed.help);
    }
    const tier = desiredOf(ref, wanted)?.tier ?? null;
    const own = around.lanes.filter((load) => lanes.includes(load.lane) && (load.tier === null || load.tier === tier));
    const busy = own.filter(({ pending, underWay }) => pending + underWay > 0);
    const last = around.attempts[0]?.ending;
    const before =
      last?.code == null ? '' : ` The last attempt ended with ${last.code}: ${errorCode(last.code)?.meaning ?? ''}`;
    if (busy.length === 0) {
      return told(
        'stuck',
        `${why}${before} No event and no work item is waiting in a lane that it could come by.`,
        `Run millrace sweep --bucket ${ref.bucket} --prefix ${JSON.stringify(ref.key)}.`,
      );
    }
    const load = busy
      .map(({ name, pending, underWay }) => `${name}: ${pending} waiting, ${underWay} under way`)
      .join('; ');
    const isServed = busy.some(({ underWay, pulls }) => underWay + pulls > 0);
    if (!isServed)
      return told(
        'stuck',
        `${why}${before} Nobody takes messages (${load}).`,
        'Start a processor; millrace status shows the lanes.',
      );
    return told(
      'waiting',
      `${why}${before} Messages wait or are under way (${load}).`,
      last?.code == null ? null : remedyOf(last.code),
    );
  }
}

const LOOKS = ['live', 'urgent', 'bulk'] as const;

function whyRender({ row, sighting }: Observed, desired: Desired, wanted: Wanted, { decoders }: Present): string {
  if (row === null) return 'The index does not know it yet.';
  if (row.state === 'removed') return 'It was removed, and is back.';
  if (sighting.kind === 'present' && row.version.etag !== sighting.version.etag)
    return 'It was overwritten: its row is of an earlier version.';
  if (row.state === 'refused' && row.refusal !== null) {
    const { code, basis } = row.refusal;
    return basis === refusalBasis(wanted, decoders)
      ? `It was refused with ${code}, and another try is due.`
      : `It was refused with ${code} under other limits or decoders.`;
  }
  if (row.set !== null && row.set.tier !== desired.tier)
    return `Its renditions are on tier ${row.set.tier}, wanted on ${desired.tier}.`;
  if (row.set !== null) return 'The presets were changed since it was rendered.';
  return 'Its content type was changed.';
}

/** Null: somebody has an open volume of the tier. */
function closedTier(tier: string, keepers: readonly VolumeAnnouncement[]): { because: string; help: string } | null {
  const ofTier = keepers.filter((keeper) => keeper.tier === tier);
  if (ofTier.some(({ gate }) => gate.state === 'open')) return null;
  if (ofTier.length === 0) {
    return {
      because: `No keeper announces a volume of tier ${tier}.`,
      help: 'Start a keeper on the host that has one.',
    };
  }
  const gates = ofTier.flatMap(({ volumeId, host, gate }) =>
    gate.state === 'closed'
      ? [{ text: `${volumeId} on ${host} is closed (${gate.reason}: ${gate.message})`, reason: gate.reason }]
      : [],
  );
  return {
    because: `No volume of tier ${tier} is open: ${gates.map(({ text }) => text).join('; ')}.`,
    help: remedyOf(gates[0]?.reason ?? 'NO_OPEN_VOLUME') ?? 'See millrace status.',
  };
}

function remedyOf(code: string): string | null {
  return errorCode(code)?.remedy ?? null;
}
