// One volume and its index in memory, for what the keeper decides: the twins that pass the contract suites.
import type { SetDirectories, SetLedger } from '../../../workers/pipeline/ports.ts';
import { refOf, versionOf } from '../../harness/wanted.ts';
import { createMemoryIndex } from '../../simulation/twins/memory-index.ts';
import { createMemoryVolume, setDirectoriesPort } from '../../simulation/twins/memory-volume.ts';
import { atOnce } from '../../simulation/twins/sync.ts';

export const VOLUME = 'volume-1';
const LEASE_MS = 60_000;

export function keeperWorld() {
  let nowMs = 1_000_000_000;
  let made = 0;
  const now = () => nowMs;
  const memory = createMemoryIndex(now);
  const volume = createMemoryVolume(VOLUME, 'default', 'index-1', now);
  /** What was asked of the ports that changes something, in order. */
  const steps: string[] = [];
  const ledger: SetLedger = {
    condemned: async (...args) => memory.ledger.condemned(...args),
    condemnExpired: async (...args) => memory.ledger.condemnExpired(...args),
    async forget(setId) {
      steps.push(`forget ${setId}`);
      memory.ledger.forget(setId);
    },
    stateOf: async (setId) => memory.ledger.stateOf(setId),
    count: async (on) => memory.ledger.count(on),
  };
  const port = setDirectoriesPort(volume, atOnce);
  const directories: SetDirectories = {
    list: () => port.list(),
    async remove(setId) {
      steps.push(`remove ${setId}`);
      await port.remove(setId);
    },
  };

  function write(setId: string): void {
    volume.mkdir(setId);
    for (const file of ['large.webp', 'facts.json']) volume.write(setId, file, file);
  }
  function newSetId(): string {
    return `00000000-0000-4000-8000-${String(++made).padStart(12, '0')}`;
  }
  /** A claim of an object of its own, with its directory. */
  function claimed(): string {
    const setId = newSetId();
    const [ref, version] = [refOf(`${setId}.jpg`), versionOf()];
    const claim = {
      ref,
      version,
      setId,
      fingerprint: 'f',
      volume: VOLUME,
      tier: 'default',
      host: 'h',
      leaseMs: LEASE_MS,
    };
    memory.index.claim(claim);
    write(setId);
    return setId;
  }
  const ending = { outcome: 'abandoned', code: null, message: null, phasesMs: {} } as const;
  return {
    memory,
    volume,
    ledger,
    directories,
    steps,
    claimed,
    condemned(): string {
      const setId = claimed();
      memory.index.abandon(setId, ending);
      return setId;
    },
    live(): string {
      const setId = claimed();
      const change = { kind: 'plain', version: versionOf() } as const;
      memory.index.commit({
        ref: refOf(`${setId}.jpg`),
        observedRevision: 0,
        tier: 'default',
        generation: 1,
        change: { ...change, kind: 'rendered', renditions: [], metadata: {} as never, damaged: false },
        claim: { setId, ending: { ...ending, outcome: 'rendered' } },
        keepSet: false,
      });
      return setId;
    },
    /** A directory that no row knows. */
    orphan(): string {
      const setId = newSetId();
      write(setId);
      return setId;
    },
    advance(ms: number): void {
      nowMs += ms;
    },
  };
}
