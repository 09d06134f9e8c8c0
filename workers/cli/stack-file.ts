// Reads stack.json, by which the local stack tells other commands where its servers are.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError, codeOf } from '../platform/errors.ts';

const stackFileSchema = z.object({
  s3: z.object({
    endpoint: z.string(),
    accessKey: z.string(),
    secretKey: z.string(),
    region: z.string(),
    bucket: z.string(),
  }),
  nats: z.object({ url: z.string() }),
  postgres: z.object({ url: z.string() }),
  volumes: z.array(z.object({ id: z.string(), tier: z.string(), path: z.string() })),
});

export type StackFile = z.output<typeof stackFileSchema>;

/** Null where there is none. Errors: STACK_FILE_UNREADABLE. */
export async function readStackFile(path: string): Promise<StackFile | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw unreadable(path, cause);
  }
  try {
    return stackFileSchema.parse(JSON.parse(text));
  } catch {
    throw unreadable(path); // neither error is kept as a cause: both quote the file, which holds secrets
  }
}

function unreadable(path: string, cause?: unknown): AppError {
  return new AppError('STACK_FILE_UNREADABLE', `${path} cannot be read as the file of a local stack`, {
    disposition: 'fatal',
    cause,
    remedy: 'Start the stack again with npm start, or name another file with --stack FILE.',
  });
}

/** Its values under the keys of the configuration. */
export function settingsOf({ s3, nats, postgres, volumes }: StackFile): object {
  const { endpoint, accessKey, secretKey, region } = s3;
  return {
    store: { endpoint, accessKey, secretKey, region },
    nats: { url: nats.url, user: undefined, password: undefined, token: undefined }, // the URL has all it needs
    database: postgres,
    volumes: volumes.map(({ tier, path }) => ({ tier, path })),
  };
}
