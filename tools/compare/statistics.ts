import type { Latency, Spread } from './result.ts';

/** The smallest value that so many percent of all don't exceed (nearest rank); not a number where there is none. */
export function percentile(values: readonly number[], percent: number): number {
  const rank = Math.ceil((percent / 100) * values.length);
  return ascending(values)[Math.max(rank, 1) - 1] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? Number.NaN;
  return (low + high) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/** @param rounds What was measured in each round. */
export function latencyOf(rounds: readonly (readonly number[])[]): Latency {
  const over = (percent: number) => spreadOf(rounds.map((values) => percentile(values, percent)));
  return { p50: over(50), p95: over(95), p99: over(99) };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
