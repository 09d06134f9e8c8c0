// A seeded source of chance: the same seed makes the same schedule, on every machine.

export interface Random {
  /** In [0, 1). */
  readonly next: () => number;
  /** Whole, from 0 to below `end`. */
  readonly below: (end: number) => number;
  /** Whole, `from` and `to` included. */
  readonly between: (from: number, to: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
}

/** sfc32, seeded through a hash so that neighbouring seeds have nothing in common. */
export function seededRandom(seed: number): Random {
  let a = mix(seed + 0x9e3779b9);
  let b = mix(a ^ 0x85ebca6b);
  let c = mix(b ^ 0xc2b2ae35);
  let counter = 1;

  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  }

  const random: Random = {
    next,
    below: (end) => Math.floor(next() * end),
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => probability > 0 && next() < probability,
    pick(from) {
      if (from.length === 0) throw new RangeError('nothing to pick from');
      return from[random.below(from.length)] as (typeof from)[number];
    },
  };
  for (let warm = 0; warm < 12; warm++) next();
  return random;
}

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return h ^ (h >>> 15);
}
