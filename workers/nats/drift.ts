// What differs between a stream or consumer as it is wanted and as it is found.
import { AppError } from '../platform/errors.ts';

export interface Drift {
  readonly setting: string;
  /** As an operator reads them. */
  readonly found: string;
  readonly wanted: string;
}

type Settings = Readonly<Record<string, unknown>>;

const NANOSECOND_SETTINGS = new Set(['max_age', 'duplicate_window', 'ack_wait']);

/** Only settings that `wanted` names are compared; the server leaves out what is zero, false or empty. */
export function driftOf(wanted: object, found: object): readonly Drift[] {
  return Object.entries(wanted).flatMap(([setting, value]) => {
    const other = (found as Settings)[setting];
    return canonical(value) === canonical(other)
      ? []
      : [{ setting, found: shown(setting, other), wanted: shown(setting, value) }];
  });
}

export function describe({ setting, found, wanted }: Drift): string {
  return `${setting} ${found} → ${wanted}`;
}

/** `subject`: `stream EVENTS`, `consumer changes`. */
export function driftError(subject: string, drifts: readonly Drift[], remedy: string, cause?: unknown): AppError {
  const [first] = drifts;
  const list = drifts.map(({ setting, found, wanted }) => `${setting} is ${found}, wanted ${wanted}`).join('; ');
  return new AppError('JETSTREAM_DRIFT', `${subject}: ${list}; JetStream does not change that in place`, {
    disposition: 'fatal',
    remedy,
    cause,
    details: { subject, ...first },
  });
}

function canonical(value: unknown): string {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : JSON.stringify(value.map(String).toSorted(byText));
  return JSON.stringify(value);
}

function shown(setting: string, value: unknown): string {
  if (canonical(value) === 'none') return 'none';
  if (Array.isArray(value)) return value.join(', ');
  if (NANOSECOND_SETTINGS.has(setting) && typeof value === 'number') return `${value / 1e9} s`;
  return String(value);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
