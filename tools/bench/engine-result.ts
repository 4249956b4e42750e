import { groupsOf, type Latency, latencyOf, median, type Spread, spreadOf } from '../measure/statistics.ts';
import type { WorkerMemory } from '../measure/usage.ts';
import type { Subject } from './subjects.ts';

/**
 * `closed`: so many customers at a time. `open`: customers at a fixed rate. `hot`: one SKU against fifty. `growth`: ten times
 * the orders. `workers`: a second worker process of each service.
 */
export const parts = ['closed', 'open', 'hot', 'growth', 'workers'] as const;
export type Part = (typeof parts)[number];

/** What a measurement is asked to do. */
export interface EngineOptions {
  readonly subjects: readonly Subject[];
  readonly parts: readonly Part[];
  /** Orders of each measurement. */
  readonly orders: number;
  readonly rounds: number;
  /** How many customers at a time, in `closed`: the first is low load, the last is saturation. */
  readonly atOnce: readonly number[];
  /** Orders a second, in `open`. */
  readonly rates: readonly number[];
}

/** What an order has used. */
export interface Usage {
  readonly writes: number;
  readonly reads: number;
  /** Requests of the workers to Temporal, polls included. */
  readonly requests: number;
  /** Attempts of activities of the inventory. */
  readonly inventoryActivities: number;
  /** Processor seconds; undefined where there is no /proc, or the servers are the user's own. */
  readonly workerSeconds: number | undefined;
  readonly serverSeconds: number | undefined;
}

interface Measured {
  readonly part: Part;
  readonly subject: Subject;
  /** Such as `50 at once`: what it is called beside others of its part. */
  readonly setting: string;
  readonly orders: number;
  /** Of one order; in figures, medians of the rounds. */
  readonly usage: Usage;
}

/** One round of one measurement; times are milliseconds. */
export interface Run extends Measured {
  readonly elapsed: number;
  /** Empty where nobody asked. */
  readonly decided: readonly number[];
  readonly final: readonly number[];
}

/** All rounds of one measurement. */
export interface Figures extends Measured {
  /** Orders a second. */
  readonly throughput: Spread;
  /** Absent where nobody asked. */
  readonly decided?: Latency;
  readonly final: Latency;
}

/** The history of an order's own workflow. */
export interface HistoryFigures {
  readonly subject: Subject;
  readonly events: Spread;
  readonly bytes: Spread;
}

/** Two things that were measured in turns, round by round. */
export interface Ratio {
  readonly name: string;
  /** Where we want it, in words. */
  readonly target: string;
  readonly ratio: Spread;
}

export interface EngineResult {
  /** When it began, in ISO 8601. */
  readonly at: string;
  readonly machine: string;
  readonly servers: { readonly temporal: string; readonly mongodb: string };
  readonly options: EngineOptions;
  readonly figures: readonly Figures[];
  readonly histories: readonly HistoryFigures[];
  readonly ratios: readonly Ratio[];
  /** Over the whole run. */
  readonly memory: WorkerMemory;
  /** What should not be; empty where all is well. */
  readonly problems: readonly string[];
}

/** Each measurement over all its rounds, in the order in which they were begun. */
export function figuresOf(runs: readonly Run[]): Figures[] {
  const keyOf = ({ part, setting, subject }: Run) => JSON.stringify([part, setting, subject]);
  return groupsOf(runs, keyOf).map((rounds) => {
    const [{ part, subject, setting, orders, decided }] = rounds;
    return {
      ...{ part, subject, setting, orders },
      throughput: spreadOf(rounds.map(throughputOf)),
      ...(decided.length === 0 ? {} : { decided: latencyOf(rounds.map((run) => run.decided)) }),
      final: latencyOf(rounds.map((run) => run.final)),
      usage: combined(
        rounds.map(({ usage }) => usage),
        median,
      ),
    };
  });
}

/** Orders a second. */
export function throughputOf({ orders, elapsed }: Run): number {
  return orders / (elapsed / 1_000);
}

/** What comes of these usages, figure by figure; unknown where one of them is. */
export function combined(usages: readonly Usage[], combine: (values: readonly number[]) => number): Usage {
  const names = Object.keys(usages[0] ?? {}) as (keyof Usage)[];
  const values = names.map((name) => {
    const known = usages.flatMap((usage) => usage[name] ?? []);
    return [name, known.length < usages.length ? undefined : combine(known)];
  });
  return Object.fromEntries(values) as Usage;
}
