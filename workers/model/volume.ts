// What a keeper tells of its volume, and the marker that proves the volume is the one we know.

export const MARKER_FILE = '.millrace-volume.json';

/** Written by `provision` into the volume's root, read before anything is written or removed there (I7). */
export interface VolumeMarker {
  readonly v: 1;
  readonly volumeId: string;
  /** Of the database whose rows name this volume's sets. */
  readonly indexId: string;
}

export type GateReason =
  | 'WRONG_VOLUME'
  | 'WRONG_INDEX'
  | 'NO_MARKER'
  | 'READ_ONLY'
  | 'NO_SPACE'
  | 'PROBE_FAILED'
  | 'STOPPING';

export type Gate =
  | { readonly state: 'open' }
  | { readonly state: 'closed'; readonly reason: GateReason; readonly message: string };

/** The value of KV `volumes` under `<volume>.<host>`; older than its TTL it counts for nothing. */
export interface VolumeAnnouncement {
  readonly v: 1;
  readonly volumeId: string;
  readonly host: string;
  readonly tier: string;
  /** Absolute, on that host. */
  readonly path: string;
  /** Base URL of the keeper's reads. */
  readonly url: string;
  readonly indexId: string;
  readonly freeBytes: number;
  readonly gate: Gate;
  /** The newest epoch of a volume wins where two hosts announce it. */
  readonly mountEpoch: number;
}
