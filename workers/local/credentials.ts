// The secrets of one data folder: random, made at its first start, the same ever after.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError, codeOf } from '../platform/errors.ts';
import { folderError, writePrivateFile } from './folder.ts';

const login = z.object({ user: z.string().min(3), password: z.string().regex(/^[A-Za-z0-9]{16,}$/) });
const schema = z.object({ s3: login, nats: login, postgres: login });

export type Credentials = z.infer<typeof schema>;

/** Reads `<folder>/credentials.json` (mode 0600), or makes it. Errors: CREDENTIALS_UNREADABLE, CREDENTIALS_MISSING, DISK_FULL, DATA_DIR_UNUSABLE. */
export async function openCredentials(
  folder: string,
  random: (bytes: number) => Buffer = randomBytes,
): Promise<Credentials> {
  const path = join(folder, 'credentials.json');
  const text = await readIfThere(path);
  if (text !== undefined) return parse(path, text);
  if (existsSync(join(folder, 'postgres'))) {
    throw new AppError(
      'CREDENTIALS_MISSING',
      `${path} is missing, and the database beside it was made with its passwords`,
      {
        disposition: 'fatal',
        remedy: `Restore that file, or remove ${folder} to start anew.`,
      },
    );
  }
  const fresh = () => ({ user: 'millrace', password: random(20).toString('hex') });
  const made: Credentials = { s3: fresh(), nats: fresh(), postgres: fresh() };
  await writePrivateFile(path, `${JSON.stringify(made, null, 2)}\n`);
  return made;
}

function parse(path: string, text: string): Credentials {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    // No cause in the message: it could quote a password.
    throw new AppError('CREDENTIALS_UNREADABLE', `${path} does not hold the credentials of this data folder`, {
      disposition: 'fatal',
      details: { reason: cause instanceof SyntaxError ? 'not JSON' : 'not of the expected form' },
      remedy: `Restore that file, or remove ${join(path, '..')} to start anew.`,
    });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw folderError(error, path);
  }
}
