// Runs schedules in several processes: seeds are dealt out in turn, so that the same seeds are run however many processes there are.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Chunk {
  readonly first: number;
  readonly step: number;
  /** Run at least so many, whatever the time. */
  readonly least: number;
  readonly most: number;
  readonly seconds: number;
}

export interface ChunkResult {
  readonly schedules: number;
  readonly decisions: number;
  readonly commits: number;
  readonly renders: number;
  readonly handled: number;
  /** Decisions of the longest schedule. */
  readonly longest: number;
  readonly broken: { readonly seed: number; readonly violation: string } | null;
}

export interface SpreadOptions {
  readonly firstSeed: number;
  readonly least: number;
  readonly most: number;
  readonly seconds: number;
  readonly processes: number;
}

export async function spread({ firstSeed, least, most, seconds, processes }: SpreadOptions): Promise<ChunkResult> {
  const shares = await Promise.all(
    Array.from({ length: processes }, (_, at) =>
      runChunk({
        first: firstSeed + at,
        step: processes,
        least: Math.ceil((least - at) / processes),
        most: Math.ceil((most - at) / processes),
        seconds,
      }),
    ),
  );
  const sum = (of: (share: ChunkResult) => number): number => shares.reduce((total, share) => total + of(share), 0);
  const broken = shares.flatMap((share) => share.broken ?? []).sort((a, b) => a.seed - b.seed);
  return {
    schedules: sum((share) => share.schedules),
    decisions: sum((share) => share.decisions),
    commits: sum((share) => share.commits),
    renders: sum((share) => share.renders),
    handled: sum((share) => share.handled),
    longest: Math.max(...shares.map((share) => share.longest)),
    broken: broken[0] ?? null,
  };
}

async function runChunk(chunk: Chunk): Promise<ChunkResult> {
  const script = fileURLToPath(new URL('chunk.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(chunk)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const [output, code] = await Promise.all([text(child.stdout), exited]);
  if (code !== 0) throw new Error(`simulation of seeds from ${chunk.first} on ended with code ${code}`);
  return JSON.parse(output) as ChunkResult;
}
