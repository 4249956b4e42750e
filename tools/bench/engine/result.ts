import type { Latency, Spread } from '../../compare/result.ts';
import type { MemoryUse } from '../../measure/memory.ts';
import type { Subject } from './subjects.ts';
import type { Usage } from './usage.ts';

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

/** One round of one measurement; times are milliseconds, usage is that of each order. */
export interface Run {
  readonly part: Part;
  readonly subject: Subject;
  /** Such as `50 at once`: what it is called beside others of its part. */
  readonly setting: string;
  readonly orders: number;
  readonly elapsed: number;
  readonly decided: readonly number[];
  readonly final: readonly number[];
  readonly usage: Usage;
}

/** All rounds of one measurement. */
export interface Figures {
  readonly part: Part;
  readonly subject: Subject;
  readonly setting: string;
  readonly orders: number;
  /** Orders a second. */
  readonly throughput: Spread;
  /** Milliseconds; absent where nobody asked. */
  readonly decided?: Latency;
  readonly final: Latency;
  /** Of one order; medians of the rounds. */
  readonly usage: Usage;
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
  /** Resident bytes of each worker over the whole run. */
  readonly memory: Readonly<Record<'orders' | 'inventory', MemoryUse | undefined>>;
  /** What should not be; empty where all is well. */
  readonly problems: readonly string[];
}
