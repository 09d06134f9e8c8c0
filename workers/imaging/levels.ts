// Plans the pyramid: which sizes are needed, largest first, and which presets come from each. Pure.
import type { Preset } from '../model/preset.ts';
import type { Size } from './picture.ts';

/** The whole picture at one size; `cover` presets cut their square out of it. */
export interface Level extends Size {
  readonly presets: readonly Preset[];
}

/** Sizes are computed from the source, not from the level above, so that rounding does not add up. Nothing is enlarged. */
export function planLevels(source: Size, presets: readonly Preset[]): readonly Level[] {
  const levels = new Map<string, Size & { presets: Preset[] }>();
  for (const preset of presets) {
    const size = levelSize(source, preset);
    const name = `${size.width}x${size.height}`;
    const level = levels.get(name) ?? { ...size, presets: [] };
    level.presets.push(preset);
    levels.set(name, level);
  }
  return [...levels.values()].sort((a, b) => b.width * b.height - a.width * a.height);
}

function levelSize({ width, height }: Size, preset: Preset): Size {
  const side = preset.fit === 'inside' ? Math.max(width, height) : Math.min(width, height);
  if (side <= preset.longSidePx) return { width, height };
  const scale = (edge: number) => Math.max(1, Math.round((edge * preset.longSidePx) / side));
  return { width: scale(width), height: scale(height) };
}

/** The square in the middle of a level, as large as the preset asks and the level has. */
export function coverSquare(
  { width, height }: Size,
  preset: Preset,
): { left: number; top: number; width: number; height: number } {
  const side = Math.min(preset.longSidePx, width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}
