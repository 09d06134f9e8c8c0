// The few numbers that a series is told by.

/** `share` of 0.5 is the median. Of the nearest rank; 0 for nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
