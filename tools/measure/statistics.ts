/** The smallest value that so many percent of all don't exceed (nearest rank); NaN if there are no values. */
export function percentile(values: readonly number[], percent: number): number {
  const rank = Math.ceil((percent / 100) * values.length);
  return ascending(values)[Math.max(rank, 1) - 1] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = (sorted.length - 1) / 2;
  return mean([Math.floor(middle), Math.ceil(middle)].map((index) => sorted[index] ?? Number.NaN));
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

export const mean = (values: readonly number[]) => sum(values) / values.length;
export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Those of the same key, in the order in which they were begun. */
export function groupsOf<Item>(items: readonly Item[], keyOf: (item: Item) => string) {
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

const ascending = (values: readonly number[]) => values.toSorted((one, other) => one - other);
