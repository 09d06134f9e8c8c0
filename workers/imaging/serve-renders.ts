// The life of a renderer child: a job in, phases and one result out, until its parent is gone.
import sharp from 'sharp';
import type { RenderJob, RenderResult } from '../model/render.ts';
import { AppError } from '../platform/errors.ts';
import { FACTS_FILE } from '../model/rendition-set.ts';
import { createDownloader } from './download.ts';
import type { FromChild, Phase, ToChild } from './ipc.ts';
import { RefusalError } from './refusal.ts';
import { renderPicture } from './steps.ts';
import { writeSet } from './write-set.ts';

export type RenderPoint = 'received' | 'downloaded' | 'decoded' | 'file-written' | 'facts-written' | 'replying';

export interface RenderHooks {
  /** Awaited at each point; fault tests kill or stop the process there. `file` at `file-written`. */
  readonly reached?: (point: RenderPoint, job: RenderJob, file?: string) => Promise<void> | void;
}

const STALL_TIMEOUT_MS = 10_000;

/** Call once, in a process started by a pool. Whatever is thrown in here ends the process: its parent tells by the phase what that means. */
export function serveRenders(hooks: RenderHooks = {}): void {
  if (process.send === undefined) throw new Error('a renderer child is started by its pool, over a channel');
  if (!sharp.simd()) throw new Error('sharp runs without SIMD, 2.8 times slower: the CPU or the build lacks it');
  // Its own default is the number of cores as soon as MALLOC_ARENA_MAX is set, and the pool already has a child for each of them.
  sharp.concurrency(1);
  sharp.cache(false);
  // Nothing but the decoders of the formats that `sniff` lets through can be reached, whatever the bytes say.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: DECODERS });

  const { download } = createDownloader({ stallTimeoutMs: STALL_TIMEOUT_MS });
  let permitted = () => {};

  const send = (message: FromChild) => process.send?.(message);
  const enter = (phase: Phase) => send({ kind: 'phase', phase });
  const largePermit = () =>
    new Promise<void>((resolve) => {
      permitted = resolve;
      send({ kind: 'large' });
    });

  const render = async (job: RenderJob): Promise<RenderResult> => {
    const started = performance.now();
    await hooks.reached?.('received', job);
    enter('downloading');
    const source = await download(job.download, job.version.sizeBytes, job.limits);
    if (source.kind !== 'downloaded') return source;
    const downloaded = performance.now();
    await hooks.reached?.('downloaded', job);

    enter('decoding');
    const { desired, limits, damaged } = job;
    const picture = await renderPicture(
      source.bytes,
      { presets: desired.presets, gps: desired.gps, limits, damaged },
      largePermit,
    );
    await hooks.reached?.('decoded', job);

    enter('writing');
    const decoded = performance.now();
    const renditions = await writeSet(job, picture, {
      written: (file) => hooks.reached?.(file === FACTS_FILE ? 'facts-written' : 'file-written', job, file),
    });
    const written = performance.now();
    return {
      kind: 'rendered',
      renditions,
      metadata: picture.metadata,
      damaged: picture.damaged,
      phasesMs: { download: downloaded - started, ...picture.phasesMs, write: written - decoded },
    };
  };

  process.on('message', (message: ToChild) => {
    if (message.kind === 'permit') {
      permitted();
      return;
    }
    void answer(message.job);
  });
  const answer = async (job: RenderJob) => {
    const result = await render(job).catch(resultOf);
    await hooks.reached?.('replying', job);
    send({ kind: 'done', result, rssBytes: process.memoryUsage.rss() });
  };

  // By signal: process.exit() would first wait for the thread that decodes.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}

const DECODERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Svg', 'Heif'].map((name) => `VipsForeignLoad${name}`);

function resultOf(error: unknown): RenderResult {
  if (error instanceof RefusalError) return { kind: 'refused', code: error.code, message: error.message };
  if (error instanceof AppError) return { kind: 'storage-failed', code: error.code, message: error.message };
  throw error;
}
