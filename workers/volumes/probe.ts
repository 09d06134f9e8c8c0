// Says whether a volume may be written now, by really writing there; a volume that does not answer closes the gate and costs no more than two threads.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Gate, GateReason } from '../model/volume.ts';
import { chainOf, codeOf } from '../platform/errors.ts';
import { type ExpectedVolume, type Proof, proveVolume } from './marker.ts';
import { readSpace, shortage, type Space, type SpaceFloor } from './space.ts';

export const PROBE_FILE = '.millrace-probe';

export interface VolumeReading {
  /** Whether renditions may be written. */
  readonly gate: Gate;
  /** Whether it is the volume we know: then its reads are served, also with a closed gate. */
  readonly proof: Proof;
  /** 0 where it is not known. */
  readonly freeBytes: number;
}

export interface VolumeProbe {
  /** Never rejects; takes at most twice `timeoutMs`. */
  check(): Promise<VolumeReading>;
  /** Only whether it is the volume we know, without writing to it; never rejects. */
  prove(): Promise<Proof>;
}

export interface VolumeProbeOptions {
  readonly floor: SpaceFloor;
  readonly timeoutMs: number;
  /** Writes and removes the probe file; rejects with the file system's error. */
  readonly tryWriting?: (root: string) => Promise<void>;
}

type Sight =
  | { readonly proof: Extract<Proof, { kind: 'proven' }>; readonly space: Space }
  | { readonly proof: Extract<Proof, { kind: 'unproven' }>; readonly space?: never };

/** `expected` is asked at every check: the index's id may become known later. */
export function createVolumeProbe(
  root: string,
  expected: () => ExpectedVolume,
  { floor, timeoutMs, tryWriting = writeProbeFile }: VolumeProbeOptions,
): VolumeProbe {
  let wasShort = false;
  const look = withDeadline<Sight>(timeoutMs, async () => {
    const proof = await proveVolume(root, expected());
    return proof.kind === 'proven' ? { proof, space: await readSpace(root) } : { proof };
  });
  const write = withDeadline(timeoutMs, () => tryWriting(root));

  /** Who is proven has its space read, too. */
  async function lookOnce(): Promise<Sight> {
    try {
      const seen = await look();
      return seen === HUNG ? failed(`${root} did not answer within ${timeoutMs} ms`) : seen;
    } catch (error) {
      return failed(chainOf(error));
    }
  }

  async function check(): Promise<VolumeReading> {
    const seen = await lookOnce();
    if (seen.space === undefined) {
      return { gate: closed(seen.proof.reason, seen.proof.message), proof: seen.proof, freeBytes: 0 };
    }
    const { proof, space } = seen;
    const missing = shortage(space, floor, wasShort);
    wasShort = missing !== null;
    if (missing !== null) return { gate: closed('NO_SPACE', `${root}: ${missing}`), proof, freeBytes: space.freeBytes };
    try {
      const hung = (await write()) === HUNG;
      const gate: Gate = hung
        ? closed('PROBE_FAILED', `${root} took no file within ${timeoutMs} ms`)
        : { state: 'open' };
      return { gate, proof, freeBytes: space.freeBytes };
    } catch (error) {
      return { gate: closed(reasonOf(error), `${root}: ${chainOf(error)}`), proof, freeBytes: space.freeBytes };
    }
  }
  return { check, prove: async () => (await lookOnce()).proof };
}

/** Nothing short of a file made and synced tells that a file system takes writes: statfs and mount flags say so of one that lost its device, too. */
async function writeProbeFile(root: string): Promise<void> {
  const file = join(root, PROBE_FILE);
  try {
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile('probe\n');
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(file, { force: true });
  }
}

function reasonOf(error: unknown): GateReason {
  const code = codeOf(error);
  if (code === 'EROFS') return 'READ_ONLY';
  return code === 'ENOSPC' || code === 'EDQUOT' ? 'NO_SPACE' : 'PROBE_FAILED';
}

function failed(message: string): Sight {
  return { proof: { kind: 'unproven', reason: 'PROBE_FAILED', message } };
}

function closed(reason: GateReason, message: string): Gate {
  return { state: 'closed', reason, message };
}

const HUNG = Symbol('hung');

/** A call to a suspended volume cannot be taken back and holds a thread of libuv's pool: no second one is begun while the first hangs. */
function withDeadline<T>(timeoutMs: number, call: () => Promise<T>): () => Promise<T | typeof HUNG> {
  let running: Promise<T> | null = null;
  return async () => {
    running ??= call().finally(() => {
      running = null;
    });
    const timer = new AbortController();
    try {
      return await Promise.race([running, delay(timeoutMs, HUNG, { signal: timer.signal })]);
    } finally {
      timer.abort();
    }
  };
}
