// Renderers in memory: each render is a process of its own, which GETs, makes the set's directory, writes every file, then the facts.
// It can be killed, stopped, die, hang or find the volume full between any two of these.
import { createHash } from 'node:crypto';
import type { ImageMetadata } from '../../../workers/model/image-metadata.ts';
import { renditionFile } from '../../../workers/model/preset.ts';
import { FACTS_FILE, type Rendition, type SetFacts } from '../../../workers/model/rendition-set.ts';
import type { Download, Renderers, RenderJob, RenderResult, RenderSlot } from '../../../workers/pipeline/ports.ts';
import { codeOf } from '../../../workers/platform/errors.ts';
import type { Process, Scheduler } from '../scheduler.ts';
import type { Fetched } from './memory-objects.ts';
import type { MemoryVolume } from './memory-volume.ts';

/** What may befall a render between two steps; probabilities per step. */
export interface RenderFate {
  dies: number;
  hangs: number;
  volumeRefuses: number;
  sourceRefuses: number;
}

export interface MemoryRenderersOptions {
  readonly scheduler: Scheduler;
  readonly parent: Process;
  readonly slots: number;
  readonly fate: RenderFate;
  readonly fetch: (download: Download) => Fetched;
  readonly volume: (volumeId: string) => MemoryVolume;
}

export interface MemoryRenderers {
  readonly renderers: Renderers;
  /** The renders under way: whoever kills or stops the parent decides what becomes of them. */
  readonly children: () => readonly Process[];
}

export function createMemoryRenderers(options: MemoryRenderersOptions): MemoryRenderers {
  const { scheduler, parent, slots } = options;
  const children = new Set<Process>();
  const waiting: ((slot: RenderSlot) => void)[] = [];
  let free = slots;

  function slot(): RenderSlot {
    free--;
    let released = false;
    return {
      render: (job, signal) => render(job, signal, options, children),
      release() {
        if (released) return;
        released = true;
        free++;
        waiting.shift()?.(slot());
      },
    };
  }

  return {
    children: () => [...children],
    renderers: {
      decoders: 'memory 1',
      takeSlot(_lane, waitMs, signal) {
        if (signal.aborted) return Promise.resolve(null);
        if (free > 0) return Promise.resolve(slot());
        return new Promise((resolve) => {
          const timer = scheduler.later('slot wait over', waitMs, giveUp);
          signal.addEventListener('abort', giveUp, { once: true });
          waiting.push(take);
          function take(taken: RenderSlot): void {
            timer[Symbol.dispose]();
            signal.removeEventListener('abort', giveUp);
            scheduler.answer(parent, 'slot', () => resolve(taken));
          }
          function giveUp(): void {
            const at = waiting.indexOf(take);
            if (at < 0) return;
            waiting.splice(at, 1);
            timer[Symbol.dispose]();
            signal.removeEventListener('abort', giveUp);
            scheduler.answer(parent, 'no slot', () => resolve(null));
          }
        });
      },
    },
  };
}

function render(
  job: RenderJob,
  signal: AbortSignal,
  options: MemoryRenderersOptions,
  children: Set<Process>,
): Promise<RenderResult> {
  const { scheduler, parent } = options;
  if (signal.aborted) return Promise.resolve({ kind: 'cancelled' });
  const child = scheduler.process(`${parent.name} renderer of ${job.setId.slice(-6)}`);
  children.add(child);
  return new Promise((resolve) => {
    signal.addEventListener('abort', onAbort, { once: true });
    let ended = false;
    function end(result: RenderResult): void {
      if (ended) return;
      ended = true;
      scheduler.kill(child);
      children.delete(child);
      signal.removeEventListener('abort', onAbort);
      scheduler.answer(parent, `render: ${result.kind}`, () => resolve(result));
    }
    function onAbort(): void {
      end({ kind: 'cancelled' });
    }
    void paint(job, child, options).then(end);
  });
}

/** What the child does. Whatever a real one would see as an errno or a status is a value here too. */
async function paint(job: RenderJob, child: Process, options: MemoryRenderersOptions): Promise<RenderResult> {
  const { scheduler, fate } = options;
  const { random } = scheduler;
  const volume = options.volume(job.volume.volumeId);
  const { setId } = job;

  const source = await scheduler.call(child, 'GET', () =>
    random.chance(fate.sourceRefuses) ? null : options.fetch(job.download),
  );
  if (source === null) return { kind: 'source-failed', code: 'SOURCE_AWAY', message: 'the store did not answer' };
  if (source.status !== 200) return { kind: 'changed' };
  const [kind] = source.body.split(':');
  if (kind === 'text') return { kind: 'not-image' };
  if (kind === 'bomb') return { kind: 'refused', code: 'TOO_MANY_PIXELS', message: 'a bomb' };
  if (kind === 'killer') return { kind: 'died', code: 'RENDERER_DIED', message: 'killed by its picture' };

  const renditions: Rendition[] = job.desired.presets.map((preset) => ({
    preset: preset.name,
    file: renditionFile(preset),
    format: preset.format,
    width: preset.longSidePx,
    height: preset.longSidePx,
    bytes: source.body.length,
    sha256: createHash('sha256').update(source.body).digest('hex'),
  }));
  const metadata: ImageMetadata = { ...METADATA, dominantColour: `#${source.etag.slice(0, 6)}` };
  const { ref, version, indexId, desired } = job;
  const { fingerprint } = desired;
  const facts: SetFacts = { v: 1, setId, indexId, ref, version, fingerprint, damaged: false, metadata, renditions };
  const steps: [string, () => void][] = [
    ['mkdir', () => volume.mkdir(setId)],
    ...renditions.map(({ file }): [string, () => void] => [
      `write ${file}`,
      () => volume.write(setId, file, source.etag),
    ]),
    ['write facts', () => volume.write(setId, FACTS_FILE, JSON.stringify(facts))],
  ];
  for (const [label, act] of steps) {
    if (random.chance(fate.dies)) return { kind: 'died', code: 'RENDERER_DIED', message: `died before ${label}` };
    if (random.chance(fate.hangs)) return { kind: 'timed-out', message: `hung before ${label}` };
    if (random.chance(fate.volumeRefuses)) return { kind: 'storage-failed', code: 'ENOSPC', message: 'volume is full' };
    try {
      await scheduler.call(child, label, act);
    } catch (error) {
      return { kind: 'storage-failed', code: codeOf(error), message: `${label} failed` };
    }
  }
  return { kind: 'rendered', renditions, metadata, damaged: false, phasesMs: {} };
}

const METADATA: ImageMetadata = {
  width: 1600,
  height: 1200,
  format: 'jpeg',
  orientation: 1,
  colourSpace: 'srgb',
  hasAlpha: false,
  frames: 1,
  dominantColour: '#000000',
  thumbhash: '',
  exif: {},
};
