// What a pool and its renderer children say to each other. JSON over the fork's channel; one render at a time, so nothing needs an id.
import type { RenderJob, RenderResult } from '../model/render.ts';

/** Where a render is: tells afterwards whose fault a death was. */
export type Phase = 'starting' | 'downloading' | 'decoding' | 'writing';

export type ToChild =
  | { readonly kind: 'render'; readonly job: RenderJob }
  /** The answer to `large`. */
  | { readonly kind: 'permit' };

export type FromChild =
  | { readonly kind: 'phase'; readonly phase: Phase }
  /** About to decode a large picture: waits for a permit. */
  | { readonly kind: 'large' }
  | { readonly kind: 'done'; readonly result: RenderResult; readonly rssBytes: number };
