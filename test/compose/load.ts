// Whoever uploads: pictures that are put, replaced and removed by an ordinary S3 client, also while the store is away now and then.
import type { Client as S3 } from 'minio';
import { makeSamplePicture, type SampleFile } from '../../workers/imaging/sample-picture.ts';
import { eventually } from '../harness/eventually.ts';

const BUCKET = 'images';

export interface Load {
  /** Uploads answered so far. */
  readonly answered: number;
  /** Resolves when what is under way is answered. */
  stop(): Promise<void>;
}

/** Photo-like, 0.5 to 3 megapixels, of different seeds and so of different bytes. */
export function paintPictures(count: number): Promise<SampleFile[]> {
  return Promise.all(
    Array.from({ length: count }, (_, at) =>
      makeSamplePicture({
        megapixels: [0.5, 1, 2, 3][at % 4] ?? 1,
        kind: at % 10 === 9 ? 'webp' : at % 10 === 4 ? 'progressive-jpeg' : 'jpeg',
        profile: at % 5 === 2 ? 'p3' : 'srgb',
        orientation: 1 + (at % 8),
        seed: 1_000 + at,
      }),
    ),
  );
}

export function keyOf(at: number): string {
  return `${at % 3 === 0 ? 'a b+c %' : 'album'}/${String(at).padStart(3, '0')}`;
}

/** Tried again until it is answered: the store may be down for a while. */
export async function put(s3: S3, key: string, { bytes, contentType }: SampleFile): Promise<void> {
  await eventually(
    async () => {
      await s3.putObject(BUCKET, key, bytes, bytes.length, { 'content-type': contentType });
      return true;
    },
    { timeoutMs: 180_000, intervalMs: 250, what: `uploading ${key}` },
  );
}

export async function remove(s3: S3, key: string): Promise<void> {
  await s3.removeObject(BUCKET, key);
}

/** Puts one picture after another, over and over, each time under the next key: nearly all replace one that was there. */
export function startLoad(s3: S3, pictures: readonly SampleFile[], keys: number): Load {
  let answered = 0;
  const stopping = new AbortController();
  const uploading = (async () => {
    for (let at = 0; !stopping.signal.aborted; at += 1) {
      const picture = pictures[(at * 7 + 3) % pictures.length];
      if (picture !== undefined) await put(s3, keyOf(at % keys), picture);
      answered += 1;
    }
  })();
  uploading.catch(() => undefined); // told by stop()
  return {
    get answered() {
      return answered;
    },
    async stop() {
      stopping.abort();
      await uploading;
    },
  };
}
