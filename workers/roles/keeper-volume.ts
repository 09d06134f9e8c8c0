// One volume in the hands of its keeper: probed and announced every few seconds, collected and scrubbed while it is proven and the index answers (I7).
import type { Gate, VolumeAnnouncement, VolumeMarker } from '../model/volume.ts';
import { collect } from '../pipeline/collect.ts';
import type { SetLedger } from '../pipeline/ports.ts';
import { scrub, type ScrubReport } from '../pipeline/scrub.ts';
import { chainOf, codeOf } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import type { MountIdentity } from '../volumes/marker.ts';
import { createVolumeProbe, type VolumeReading } from '../volumes/probe.ts';
import type { ReadableVolume } from '../volumes/reads.ts';
import { createSetDirectories } from '../volumes/set-directories.ts';
import type { SpaceFloor } from '../volumes/space.ts';
import { startPeriodic } from './periodic.ts';

export interface KeptVolumeConfig {
  /** Absent: whatever volume the marker says it is, as of the first time it is proven. */
  readonly volumeId?: string;
  readonly path: string;
  readonly tier: string;
}

export interface KeptVolumeOptions {
  readonly host: string;
  /** Base URL of the keeper's reads. */
  readonly url: string;
  readonly graceMs: number;
  readonly floor: SpaceFloor;
  readonly probeTimeoutMs: number;
  readonly announceMs: number;
  readonly collectMs: number;
  readonly scrubFirstMs: number;
  readonly scrubMs: number;
  /** See ScrubOptions. */
  readonly allowRemovals: number;
}

export interface KeptVolumeDeps {
  readonly ledger: SetLedger;
  readonly index: IndexIdentity;
  /** Resolves when NATS has it. */
  readonly announce: (announcement: VolumeAnnouncement) => Promise<void>;
  readonly log: Log;
  readonly now: () => number;
  readonly random: () => number;
}

/** Which index it is that answers at the configured address. */
export interface IndexIdentity {
  /** Null: it has not answered yet. */
  readonly known: string | null;
  /** Asks it now; rejects when it is away. */
  ask(): Promise<string>;
}

export interface KeptVolume extends AsyncDisposable {
  readonly readable: ReadableVolume;
  readonly proven: boolean;
  /** At once, instead of with the next round. */
  announce(): Promise<void>;
  /** For /healthz. */
  describe(): object;
  /** Tells everybody that it is closed and ends what runs; safe to call twice. */
  stop(): Promise<void>;
}

const COLLECT_BATCH = 200;

/** Resolves after the first probe, whatever that said; from then on it goes by itself. */
export async function keepVolume(
  { volumeId: configuredId, path, tier }: KeptVolumeConfig,
  options: KeptVolumeOptions,
  { ledger, index, announce, log: parentLog, now, random }: KeptVolumeDeps,
): Promise<KeptVolume> {
  const log = parentLog.child({ path, tier });
  let volumeId = configuredId ?? null;
  let marker: VolumeMarker | null = null;
  let mount: { readonly identity: MountIdentity; readonly epoch: number } | null = null;
  let lost = false;
  let lastScrub: ScrubReport | null = null;
  let scrubDueMs = 0;

  const probe = createVolumeProbe(path, () => ({ volumeId, indexId: index.known }), {
    floor: options.floor,
    timeoutMs: options.probeTimeoutMs,
  });
  let reading: VolumeReading = await probe.check();
  learn(reading, null);

  function learn({ gate, proof, freeBytes }: VolumeReading, before: Gate | null): void {
    if (proof.kind === 'proven') {
      marker = proof.marker;
      volumeId ??= marker.volumeId;
      const { device, inode } = proof.mount;
      const same = !lost && mount?.identity.device === device && mount.identity.inode === inode;
      if (!same) mount = { identity: proof.mount, epoch: Math.max(now(), (mount?.epoch ?? 0) + 1) };
    }
    // What was taken away and comes back is a new mount, though the kernel may give it the number it had.
    lost = proof.kind === 'unproven' && (lost || proof.reason !== 'PROBE_FAILED');
    if (codeOfGate(before) === codeOfGate(gate)) return;
    if (gate.state === 'open') log.info({ volume: volumeId, freeBytes }, 'volume gate open');
    else log.warn({ volume: volumeId, code: gate.reason, reason: gate.message, freeBytes }, 'volume gate closed');
  }

  let announcing: Promise<void> | null = null;
  let announceFailed: string | null = null;
  /** One at a time, and never waited for by the probe: with NATS away the volume is watched, and read, as before. */
  function tell(gate: Gate): Promise<void> {
    if (announcing !== null || volumeId === null || marker === null || mount === null) {
      return announcing ?? Promise.resolve();
    }
    const { host, url } = options;
    const { freeBytes } = reading;
    const { indexId } = marker;
    announcing = send({ v: 1, volumeId, host, tier, path, url, indexId, freeBytes, gate, mountEpoch: mount.epoch });
    return announcing;
  }
  async function send(announcement: VolumeAnnouncement): Promise<void> {
    try {
      await announce(announcement);
      announceFailed = null;
    } catch (error) {
      if (announceFailed === null) {
        log.warn({ volume: volumeId, code: codeOf(error), err: error }, 'announcing the volume failed');
      }
      announceFailed = chainOf(error);
    } finally {
      announcing = null;
    }
  }

  /** Null: nothing may be removed there now. NO_SPACE is no reason: it is removals that make room. */
  async function removable() {
    const { gate, proof } = reading;
    if (proof.kind === 'unproven' || volumeId === null) return null;
    if (gate.state === 'closed' && gate.reason !== 'NO_SPACE') return null;
    const indexId = await index.ask(); // not what it was when we began: an address can come to mean another database
    const directories = createSetDirectories(path, { volumeId, indexId }, { now, onStranger });
    return { volumeId, ports: { ledger, directories } };
  }
  function onStranger(stranger: string): void {
    log.debug({ volume: volumeId, stranger }, 'not ours, left alone');
  }

  async function probeRound(): Promise<void> {
    const before = reading.gate;
    reading = await probe.check();
    learn(reading, before);
    void tell(reading.gate);
  }
  async function collectRound(signal: AbortSignal): Promise<void> {
    const target = await removable();
    if (target === null) return;
    const { graceMs } = options;
    const { removed, failed } = await collect(target.volumeId, target.ports, { graceMs, batch: COLLECT_BATCH, signal });
    if (removed > 0) log.info({ volume: volumeId, removed }, 'condemned sets removed');
    if (failed.length > 0) log.error({ volume: volumeId, sets: failed }, 'condemned sets could not be removed');
  }
  /** Asked often, so that one that failed is not put off for an hour. */
  async function scrubRound(signal: AbortSignal): Promise<void> {
    if (now() < scrubDueMs) return;
    const target = await removable();
    if (target === null) return;
    const { graceMs, allowRemovals } = options;
    const report = await scrub(target.volumeId, target.ports, { graceMs, allowRemovals, signal });
    if (!report.finished) return;
    lastScrub = report;
    scrubDueMs = now() + options.scrubMs;
    if (report.withheld === null) log.info({ volume: volumeId, ...report }, 'volume scrubbed');
    else log.error({ volume: volumeId, ...report }, 'scrub withholds removals, they wait to be allowed');
  }

  void tell(reading.gate);
  const { announceMs, collectMs, scrubFirstMs } = options;
  const often = { everyMs: collectMs, jitter: 0.3, random, log };
  const rounds = {
    probe: startPeriodic(probeRound, { ...often, name: 'probe', firstMs: announceMs, everyMs: announceMs, jitter: 0 }),
    collect: startPeriodic(collectRound, { ...often, name: 'collect', firstMs: collectMs }),
    scrub: startPeriodic(scrubRound, { ...often, name: 'scrub', firstMs: scrubFirstMs }),
  };

  let stopped: Promise<void> | undefined;
  async function shutDown(): Promise<void> {
    const removals = Promise.all([rounds.collect.stop(), rounds.scrub.stop()]);
    await rounds.probe.stop();
    await announcing; // it may be the one that says open
    await tell({ state: 'closed', reason: 'STOPPING', message: 'its keeper is stopping' });
    await removals;
  }
  const stop = () => (stopped ??= shutDown());

  return {
    readable: {
      root: path,
      get proven() {
        return reading.proof.kind === 'proven';
      },
      async stillProven() {
        return (await probe.prove()).kind === 'proven';
      },
    },
    get proven() {
      return reading.proof.kind === 'proven';
    },
    announce: () => tell(reading.gate),
    describe: () => ({
      volumeId,
      path,
      tier,
      gate: reading.gate,
      proven: reading.proof.kind === 'proven',
      freeBytes: reading.freeBytes,
      mountEpoch: mount?.epoch ?? null,
      announce: announceFailed,
      rounds: Object.fromEntries(
        Object.entries(rounds).map(([name, { ended, trouble }]) => [name, { ended, trouble }]),
      ),
      lastScrub,
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function codeOfGate(gate: Gate | null): string {
  if (gate === null) return '';
  return gate.state === 'open' ? 'open' : gate.reason;
}
