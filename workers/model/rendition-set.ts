// The renditions of one object version, written together into one directory that is never reused.
import type { ImageMetadata } from './image-metadata.ts';
import type { ObjectRef } from './object-ref.ts';
import type { ObjectVersion } from './object-version.ts';
import type { RenditionFormat } from './preset.ts';

/** writing: claimed, leased, not readable · live: named by its object's row · condemned: to be deleted by the keeper after the grace. */
export type SetState = 'writing' | 'live' | 'condemned';

export interface Rendition {
  readonly preset: string;
  /** File name inside the set's directory. */
  readonly file: string;
  readonly format: RenditionFormat;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** `facts.json`, written last: a directory that has it is complete, and says by itself whose it is. */
export interface SetFacts {
  readonly v: 1;
  readonly setId: string;
  /** Of the database that handed out the set id. */
  readonly indexId: string;
  readonly ref: ObjectRef;
  readonly version: ObjectVersion;
  readonly fingerprint: string;
  readonly damaged: boolean;
  readonly metadata: ImageMetadata;
  readonly renditions: readonly Rendition[];
}

export const FACTS_FILE = 'facts.json';

/** `<ab>/<cd>/<set id>` below a volume's root. Taken from the id's end: the head of a UUIDv7 is a clock and stands still for days. */
export function setDirectory(setId: string): string {
  return `${setId.slice(-4, -2)}/${setId.slice(-2)}/${setId}`;
}

const SET_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isSetId(text: string): boolean {
  return SET_ID.test(text);
}
