// What no single setting can tell: names that point nowhere, rules that contradict each other.

export interface CrossFault {
  readonly path: readonly (string | number)[];
  /** What is wrong, what is expected, without a value that could be secret. */
  readonly message: string;
}

interface Loose {
  readonly sources?: unknown;
  readonly presets?: unknown;
  readonly tiers?: unknown;
  readonly volumes?: unknown;
  readonly nats?: unknown;
}

/** Takes half-broken configurations too: what is of the wrong type has its own fault and is passed over here. */
export function crossCheck(configuration: unknown): CrossFault[] {
  const { sources, presets, tiers, volumes, nats }: Loose = record(configuration);
  return [
    ...list(sources).flatMap((source, at) => [
      ...(Array.isArray(source.presets) ? source.presets : []).flatMap((name: unknown, place: number) =>
        unknownName(['sources', at, 'presets', place], name, 'presets', presets),
      ),
      ...unknownName(['sources', at, 'tier'], source.tier, 'tiers', tiers),
    ]),
    ...list(volumes).flatMap((volume, at) => unknownName(['volumes', at, 'tier'], volume.tier, 'tiers', tiers)),
    ...repeated('sources', list(sources), ({ bucket, prefix }) =>
      typeof bucket === 'string' ? [bucket, prefix ?? ''] : undefined,
    ),
    ...repeated('volumes', list(volumes), ({ path }) => (typeof path === 'string' ? [path] : undefined)),
    ...presetEffort(record(presets)),
    ...natsIdentity(record(nats)),
  ];
}

function unknownName(path: CrossFault['path'], name: unknown, key: string, among: unknown): CrossFault[] {
  // hasOwn: `constructor` is a possible name, and every object has one.
  if (typeof name !== 'string' || !isRecord(among) || Object.hasOwn(among, name)) return [];
  return [{ path, message: `\`${key}\` has no \`${name}\`; it has ${names(among)}` }];
}

function names(among: Record<string, unknown>): string {
  const keys = Object.keys(among).map((key) => `\`${key}\``);
  return keys.length === 0 ? 'none' : keys.join(', ');
}

function repeated(
  key: string,
  entries: readonly Fields[],
  identity: (entry: Fields) => readonly unknown[] | undefined,
): CrossFault[] {
  const first = new Map<string, number>();
  return entries.flatMap((entry, at) => {
    const same = identity(entry);
    if (same === undefined) return [];
    const id = JSON.stringify(same);
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, at);
      return [];
    }
    return [{ path: [key, at], message: `is for the same as ${key}[${earlier}]; one of them has to go` }];
  });
}

function presetEffort(presets: Fields): CrossFault[] {
  return Object.entries(presets).flatMap(([name, preset]) => {
    const { format, effort } = record(preset);
    if (format !== 'webp' || typeof effort !== 'number' || effort <= 6) return [];
    return [{ path: ['presets', name, 'effort'], message: `${effort} is too much for WebP, which takes 0 to 6` }];
  });
}

function natsIdentity({ user, password, token }: Fields): CrossFault[] {
  const faults: CrossFault[] = [];
  if (user !== undefined && password === undefined)
    faults.push({ path: ['nats', 'password'], message: 'missing, though nats.user is set' });
  if (user === undefined && password !== undefined)
    faults.push({ path: ['nats', 'user'], message: 'missing, though nats.password is set' });
  if (token !== undefined && (user ?? password) !== undefined) {
    faults.push({
      path: ['nats', 'token'],
      message: 'set beside nats.user and nats.password; the server takes one or the other',
    });
  }
  return faults;
}

type Fields = Record<string, unknown>;

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(record) : [];
}
