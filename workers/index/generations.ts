// The configuration's content, numbered: a processor whose content is not the newest registered one stops fetching (I11).
import { createHash } from 'node:crypto';
import type { Database } from './database.ts';

export interface Generation {
  readonly number: number;
  readonly contentHash: string;
  readonly content: unknown;
  readonly registeredAtMs: number;
}

/** Equal for equal content, in whatever order its keys stand. 32 hex digits. */
export function contentHash(content: unknown): string {
  const sorted = JSON.stringify(content, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
  });
  return createHash('sha256').update(sorted).digest('hex').slice(0, 32);
}

/**
 * The newest generation's number where its content is this; else a new one, also where an older generation had it: rows of the
 * generations between are then older, not newer. Registering at once from two processes gives both the same number.
 */
export async function registerGeneration(
  db: Database,
  content: unknown,
): Promise<{ readonly generation: number; readonly changed: boolean }> {
  for (;;) {
    const newest = await currentGeneration(db);
    const hash = contentHash(content);
    if (newest?.contentHash === hash) return { generation: newest.number, changed: false };
    const number = (newest?.number ?? 0) + 1;
    const made = await db.query(
      `INSERT INTO millrace.generations (number, content_hash, content) VALUES ($1, $2, $3::jsonb)
       ON CONFLICT (number) DO NOTHING RETURNING number`,
      [number, hash, JSON.stringify(content)],
    );
    if (made.length === 1) return { generation: number, changed: true };
    // Another process took that number; its content may be ours.
  }
}

/** Null: none was ever registered. */
export async function currentGeneration(db: Database): Promise<Generation | null> {
  const [row] = await db.query<{ number: number; content_hash: string; content: unknown; registered_at: Date }>(
    'SELECT number, content_hash, content, registered_at FROM millrace.generations ORDER BY number DESC LIMIT 1',
  );
  if (row === undefined) return null;
  return {
    number: row.number,
    contentHash: row.content_hash,
    content: row.content,
    registeredAtMs: row.registered_at.getTime(),
  };
}
