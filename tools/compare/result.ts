import type { Strategy } from '../../domain/strategies.ts';
import type { Violation } from '../measure/checker.ts';
import type { Demand } from '../measure/shelves.ts';
import type { Latency, Spread } from '../measure/statistics.ts';

/** What a comparison is asked to do. */
export interface CompareOptions {
  /** How many orders each measurement at saturation places. */
  readonly orders: number;
  /** How often each measurement is repeated, the strategies taking turns. */
  readonly rounds: number;
  /** How long a service stays down, in seconds. */
  readonly faultSeconds: number;
  readonly parts: readonly Part[];
}

/** `low`: few orders at a time. `saturation`: many. Either way a customer places the next one when one is final. */
export const loads = ['low', 'saturation'] as const;
export type LoadName = (typeof loads)[number];

export const demands = ['spread', 'hot'] as const satisfies readonly Demand[];

export const faults = [
  'inventory-down',
  'order-service-down',
  'temporal-restarted',
  'worker-killed',
] as const;
export type Fault = (typeof faults)[number];

export const faultNames: Readonly<Record<Fault, string>> = {
  'inventory-down': 'inventory down',
  'order-service-down': 'order service down',
  'temporal-restarted': 'Temporal restarted',
  'worker-killed': 'order worker killed',
};

export const parts = ['performance', ...faults] as const;
export type Part = (typeof parts)[number];

export interface PerformanceFigures {
  readonly strategy: Strategy;
  readonly load: LoadName;
  readonly demand: Demand;
  /** Orders of each round, and how many of them were under way at a time. */
  readonly orders: number;
  readonly atOnce: number;
  /** Orders a second that became final. */
  readonly throughput: Spread;
  /** Until the customer knows the decision, and until every service has recorded it. */
  readonly decided: Latency;
  readonly final: Latency;
}

/** What one order costs: means over all rounds. */
export interface CostFigures {
  readonly strategy: Strategy;
  readonly load: LoadName;
  readonly demand: Demand;
  /** Events in the histories of all workflows that take part. */
  readonly historyEvents: number;
  /** What Temporal bills; see `tallyOf`. */
  readonly actions: number;
  /** Write and read commands to MongoDB, of both services' workers. */
  readonly writes: number;
  readonly reads: number;
}

export interface FaultFigures {
  readonly strategy: Strategy;
  readonly fault: Fault;
  /** From its beginning until what was down works again, in seconds. */
  readonly seconds: number;
  /** New orders that customers sent in all: before it, while it lasted, and after it. */
  readonly sent: number;
  /** New orders that customers sent while it lasted, and what became of them before its end. */
  readonly offered: number;
  readonly accepted: number;
  readonly decided: number;
  /** From its end until all orders that were sent before it were final, in seconds; null where some never were. */
  readonly finalAfter: number | null;
  readonly seen: SeenByReader;
  /** Seconds from the first order to the beginning and the end of the fault; the samples count alike. */
  readonly began: number;
  readonly ended: number;
  readonly samples: readonly Sample[];
}

/** What somebody saw who read both services' databases all the time. */
export interface SeenByReader {
  /** The most at one time: orders on record as pending, and units on hold. */
  readonly pending: number;
  readonly held: number;
  /** Orders that were confirmed and not yet sold at a time when they were looked at, or sold and not yet confirmed. */
  readonly inconsistent: number;
  /** For how long, in seconds: all of them together, and the longest. */
  readonly inconsistentTotal: number;
  readonly inconsistentLongest: number;
}

/** One look of the reader. */
export interface Sample {
  readonly at: number;
  /** Orders that were sent and not final. */
  readonly open: number;
  readonly pending: number;
  readonly held: number;
  readonly inconsistent: number;
}

/** A fault that could not be brought about. */
export interface Skipped {
  readonly fault: Fault;
  readonly reason: string;
}

/** All that a comparison has found. */
export interface Comparison {
  /** When it began, in ISO 8601. */
  readonly at: string;
  readonly machine: string;
  readonly servers: { readonly temporal: string; readonly mongodb: string };
  readonly options: CompareOptions;
  readonly performance: readonly PerformanceFigures[];
  readonly cost: readonly CostFigures[];
  readonly faults: readonly FaultFigures[];
  readonly skipped: readonly Skipped[];
  /** How many orders were checked at the end (all that were sent, also to warm up), and what did not hold; must be nothing. */
  readonly checkedOrders: number;
  readonly violations: readonly Violation[];
}
