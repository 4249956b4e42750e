/** The smallest value that so many percent of all don't exceed (nearest rank); NaN if there are no values. */
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

export type Spread = Readonly<ReturnType<typeof spreadOf>>;

export function spreadOf(values: readonly number[]) {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

export type Latency = Readonly<ReturnType<typeof latencyOf>>;

/** @param rounds The milliseconds of each order in each round. */
export function latencyOf(rounds: readonly (readonly number[])[]) {
  const over = (percent: number) => spreadOf(rounds.map((values) => percentile(values, percent)));
  return { p50: over(50), p95: over(95), p99: over(99) };
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Those of the same key, in the order in which they were begun. */
export function groupsOf<Item>(items: readonly Item[], keyOf: (item: Item) => string): [Item, ...Item[]][] {
  return [...groupedBy(items, keyOf).values()];
}

export function groupedBy<Item>(items: readonly Item[], keyOf: (item: Item) => string) {
  const groups = new Map<string, [Item, ...Item[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
