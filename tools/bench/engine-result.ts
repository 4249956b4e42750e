import { defined } from '../../domain/defined.ts';
import type { CommandCounts } from '../measure/command-counts.ts';
import { groupsOf, latencyOf, median, spreadOf } from '../measure/statistics.ts';
import type { Subject } from './subjects.ts';

/** `hot`: one SKU against fifty. `growth`: ten times the orders. `workers`: a second worker process of each service. */
export const parts = ['closed', 'open', 'hot', 'growth', 'workers'] as const;
export type Part = (typeof parts)[number];

export interface EngineOptions {
  readonly subjects: readonly Subject[];
  readonly parts: readonly Part[];
  readonly orders: number;
  readonly rounds: number;
  /** Customers at a time, in `closed`: the first is low load, the last is saturation. */
  readonly atOnce: readonly number[];
  /** Orders a second, in `open`. */
  readonly rates: readonly number[];
}

export interface Usage extends CommandCounts {
  /** Requests of the workers to Temporal, polls included. */
  readonly requests: number;
  readonly inventoryActivities: number;
  /** Processor seconds; undefined without /proc, or if the servers are the user's own. */
  readonly workerSeconds: number | undefined;
  readonly serverSeconds: number | undefined;
}

/** One round of one measurement; times are milliseconds. */
export interface Run {
  readonly part: Part;
  readonly subject: Subject;
  /** Its name beside others of its part: `50 at once`. */
  readonly setting: string;
  readonly orders: number;
  /** Of one order. */
  readonly usage: Usage;
  readonly elapsed: number;
  /** Empty if nobody asked. */
  readonly decided: readonly number[];
  readonly final: readonly number[];
}

export type Figures = ReturnType<typeof figuresOf>[number];

export function figuresOf(runs: readonly Run[]) {
  const keyOf = ({ part, setting, subject }: Run) => JSON.stringify([part, setting, subject]);
  return groupsOf(runs, keyOf).map((rounds) => {
    const [{ part, subject, setting, orders, decided }] = rounds;
    const usages = rounds.map((run) => run.usage);
    const usage = combined(usages, median);
    const throughput = spreadOf(rounds.map(throughputOf));
    const asked = decided.length > 0 ? latencyOf(rounds.map((run) => run.decided)) : undefined;
    const final = latencyOf(rounds.map((run) => run.final));
    return defined({ part, subject, setting, orders, usage, throughput, decided: asked, final });
  });
}

/** Orders a second. */
export const throughputOf = ({ orders, elapsed }: Run) => orders / (elapsed / 1_000);

/** Combines these usages figure by figure; the result is unknown if one of them is. */
export function combined(usages: readonly Usage[], combine: (values: readonly number[]) => number): Usage {
  const names = Object.keys(usages[0] ?? {}) as (keyof Usage)[];
  const values = names.map((name) => {
    const known = usages.flatMap((usage) => usage[name] ?? []);
    return [name, known.length < usages.length ? undefined : combine(known)];
  });
  return Object.fromEntries(values) as Usage;
}
