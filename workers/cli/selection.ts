// Which of many an operator means: numbers or names one by one, or everything that fits `--code --bucket --prefix --since`.
import { AppError } from '../platform/errors.ts';

export interface Selection {
  readonly code?: string;
  readonly bucket?: string;
  readonly prefix?: string;
  /** `30m`, `12h`, `7d`, or a date. */
  readonly since?: string;
  readonly limit?: number;
}

export interface Change extends Selection {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What is compared. An absent bucket, key or time fits only where nothing asks for it. */
export interface Selectable {
  readonly code: string;
  readonly bucket: string | null;
  readonly key: string | null;
  readonly atMs: number;
}

/** Errors: USAGE where `since` is no time. */
export function selects(selection: Selection, nowMs: number): (item: Selectable) => boolean {
  const { code, bucket, prefix } = selection;
  const sinceMs = selection.since === undefined ? null : sinceTime(selection.since, nowMs);
  return (item) =>
    (code === undefined || item.code === code) &&
    (bucket === undefined || item.bucket === bucket) &&
    (prefix === undefined || (item.key ?? null)?.startsWith(prefix) === true) &&
    (sinceMs === null || item.atMs >= sinceMs);
}

/** So that a forgotten option does not change everything. Errors: NOTHING_SELECTED. */
export function assertSelected(names: readonly unknown[], change: Change): void {
  const { code, bucket, prefix, since, all } = change;
  if (names.length > 0 || all === true || [code, bucket, prefix, since].some((given) => given !== undefined)) return;
  throw new AppError('NOTHING_SELECTED', 'which ones is not said', {
    remedy: 'Name them, or give --code, --bucket, --prefix or --since; --all means all of them.',
  });
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function sinceTime(text: string, nowMs: number): number {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const ageMs = Number(count) * (UNITS[unit] ?? Number.NaN);
  const atMs = unit === '' ? Date.parse(text) : nowMs - ageMs;
  if (Number.isFinite(atMs)) return atMs;
  throw new AppError('USAGE', `--since ${JSON.stringify(text)} is no time`, {
    remedy: 'Write it like 30m, 12h, 7d or 2026-05-01T12:00Z.',
  });
}
