// Whether our configuration is still the one that `provision` registered last (I11): a processor that is behind stops fetching.
import type { Wanted } from '../model/desired.ts';
import type { Log } from './ports.ts';

export interface GenerationWatchDeps {
  /** Number and content hash of the newest registered generation; null: none. */
  readonly current: () => Promise<{ readonly number: number; readonly contentHash: string } | null>;
  /** Of our own configuration. */
  readonly contentHash: string;
  readonly wantedAt: (generation: number) => Wanted;
  readonly log: Log;
}

export interface GenerationWatch {
  /** Null while our content is not the newest registered one, and before the first look: nothing may be planned. */
  wanted(): Wanted | null;
  /** Looks once; true when `wanted` changed between null and not null. Rejects when the index is away: what was known stays. */
  look(): Promise<boolean>;
}

export function createGenerationWatch({ current, contentHash, wantedAt, log }: GenerationWatchDeps): GenerationWatch {
  let wanted: Wanted | null = null;
  let looked = false;
  return {
    wanted: () => wanted,
    async look() {
      const newest = await current();
      const before = wanted;
      const ours = newest !== null && newest.contentHash === contentHash;
      if (!ours) wanted = null;
      else if (wanted?.generation !== newest.number) wanted = wantedAt(newest.number);
      if (!ours && (before !== null || !looked)) {
        log.error(
          { code: 'CONFIG_OUTDATED', generation: newest?.number ?? null },
          'configuration is not the registered one: nothing is fetched until it is, run provision or restart with the newer file',
        );
      }
      if (ours && before === null && looked) log.info({ generation: newest.number }, 'configuration is in force again');
      looked = true;
      return (before === null) !== (wanted === null);
    },
  };
}
