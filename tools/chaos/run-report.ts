import { type Strategy, strategies } from '../../domain/strategies.ts';
import { invariants, type Violation } from '../measure/checker.ts';
import type { State } from '../measure/state.ts';
import { sum } from '../measure/statistics.ts';
import { count, tableOf } from '../measure/table.ts';
import { REAPER } from './chaos-stage.ts';
import type { Fault } from './faults.ts';
import type { LoadPlan, StrategyChoice } from './load-plan.ts';
import type { Observations } from './storm.ts';
import type { Story } from './story.ts';

/** What came of a run, as `--report` writes it. */
export interface RunReport {
  readonly seed: string;
  readonly planned: {
    readonly orders: number;
    readonly minutes: number;
    readonly strategy: StrategyChoice;
  };
  /** From the first order until nothing was in flight any more. */
  readonly seconds: number;
  /** Orders by outcome; a rejected one by its reason, too. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The same for each strategy. */
  readonly outcomesBy: Readonly<Record<Strategy, Readonly<Record<string, number>>>>;
  readonly faults: readonly FaultSummary[];
  /** Each fault with its time, in ISO 8601, and how many orders were in flight. */
  readonly log: readonly LoggedFault[];
  /** How often all counts of the stock were checked while faults hit. */
  readonly stockReads: number;
  readonly reaper: ReaperSummary;
  /** How many answers of customers were compared with what came of the order. */
  readonly answers: number;
  /** Errors that the client gave no name of its own, and how often. */
  readonly surprises: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  readonly stories: readonly Story[];
  readonly verdict: 'passed' | 'violated' | 'proved nothing';
}

interface LoggedFault extends Omit<Fault, 'at' | 'until'> {
  readonly at: string;
  readonly until: string;
  readonly inFlight: number;
}

/** All faults of a kind. */
export interface FaultSummary {
  readonly kind: string;
  readonly count: number;
  /** How many of them met at least one order in flight. */
  readonly hits: number;
  /** Orders in flight while such a fault lasted, at the most. */
  readonly mostInFlight: number;
  /** Orders in flight, over all faults of the kind. */
  readonly inFlight: number;
}

export interface ReaperSummary {
  readonly sweeps: number;
  /** How many of them came while orders that were older than its limit were in flight. */
  readonly metOldOrders: number;
  /** How many orders it has settled. */
  readonly settled: number;
}

/** Puts everything that was observed together. */
export function composeReport(run: {
  readonly planned: RunReport['planned'];
  readonly seed: string;
  readonly load: LoadPlan;
  readonly state: State;
  readonly seen: Observations;
  readonly violations: readonly Violation[];
  readonly stories: readonly Story[];
}): RunReport {
  const { planned, seed, load, state, seen, violations, stories } = run;
  const faults = seen.faults.map((fault) => ({ ...fault, inFlight: inFlightDuring(fault, state) }));
  const proved = faults.some(({ inFlight }) => inFlight > 0);
  return {
    ...{ seed, planned, seconds: seen.seconds },
    outcomes: outcomesOf(state, load, strategies),
    outcomesBy: Object.fromEntries(
      strategies.map((strategy) => [strategy, outcomesOf(state, load, [strategy])]),
    ) as RunReport['outcomesBy'],
    faults: summarise(faults),
    log: logOf(faults),
    stockReads: seen.stockReads,
    reaper: reaperOf(state),
    answers: seen.answers.told.length,
    surprises: seen.answers.surprises,
    violations,
    stories,
    verdict: violations.length > 0 ? 'violated' : proved ? 'passed' : 'proved nothing',
  };
}

/** The report for people. */
export function renderReport(report: RunReport): string {
  const { seed, planned, seconds, stockReads, reaper, answers } = report;
  return [
    '',
    `${planned.orders} orders (${planned.strategy}) over ${planned.minutes} minutes, seed ${seed}; quiet after ${seconds} s`,
    '',
    outcomesTable(report),
    '',
    tableOf(
      ['fault', 'times', 'met orders', 'orders met', 'at most at once'],
      report.faults.map((fault) => [
        fault.kind,
        ...[fault.count, fault.hits, fault.inFlight, fault.mostInFlight],
      ]),
    ),
    '',
    `Compared ${answers} answers to customers with what came of their orders, and read the stock ${stockReads} times while faults hit.`,
    `The reaper swept ${reaper.sweeps} times, ${reaper.metOldOrders} of them while orders older than its limit of ${REAPER.holdLimit} s were in flight, and settled ${reaper.settled}.`,
    ...Object.entries(report.surprises).map(([error, count]) => `Asked again ${count} × after: ${error}`),
    ...firstFew(report.violations).map(
      ({ invariant, subject, details }) =>
        `VIOLATED ${invariant} (${invariants[invariant]}): ${subject}: ${details}`,
    ),
    ...firstFew(report.stories).map(({ subject, file }) => `The story of ${subject}: ${file}`),
    ...(report.stories.length > FEW ? [`(and those of ${report.stories.length - FEW} more, beside it)`] : []),
    verdictOf(report),
  ].join('\n');
}

// More than these say nothing more to a person; the files have them all.
const FEW = 10;

function firstFew<Item>(items: readonly Item[]): readonly Item[] {
  return items.slice(0, FEW);
}

function verdictOf({ verdict, violations, faults, seed }: RunReport): string {
  switch (verdict) {
    case 'passed': {
      const hits = sum(faults.map((fault) => fault.hits));
      return `PASSED: ${hits} faults met orders in flight, and all ${Object.keys(invariants).length} invariants hold.`;
    }
    case 'violated':
      return `FAILED: ${violations.length} violations (again: --seed ${seed}).`;
    case 'proved nothing':
      return 'FAILED: no fault met an order in flight, so this run proved nothing; place more orders, or run longer.';
  }
}

function outcomesTable({ planned, outcomes, outcomesBy }: RunReport): string {
  const shown = planned.strategy === 'mixed' ? strategies : [];
  return tableOf(
    shown.length === 0 ? [] : ['outcome', 'orders', ...shown],
    Object.entries(outcomes).map(([name, count]) => [
      name,
      count,
      ...shown.map((strategy) => outcomesBy[strategy][name] ?? 0),
    ]),
  );
}

function outcomesOf(
  { executions }: State,
  plan: LoadPlan,
  among: readonly Strategy[],
): Record<string, number> {
  const counts: Record<string, number> = { confirmed: 0, rejected: 0, cancelled: 0 };
  for (const { status, outcome } of executions.filter(({ strategy }) => among.includes(strategy))) {
    count(counts, outcome?.status ?? status.toLowerCase());
    if (outcome?.status === 'rejected') count(counts, `rejected: ${outcome.reason?.code}`);
  }
  const arrived = new Set(executions.map(({ orderId }) => orderId));
  const planned = plan.orders.filter(({ strategy }) => among.includes(strategy));
  const lost = planned.filter(({ order }) => !arrived.has(order.orderId)).length;
  return { ...counts, 'never arrived, the customer was cut off': lost };
}

/** Orders that were neither before their start nor after their end while the fault lasted. */
function inFlightDuring({ at, until, workflowId = '' }: Fault, { executions }: State): number {
  // What hits one activity concerns its own order alone, or those whose announcements its workflow carries.
  const [kind, orderId] = workflowId.split('/');
  if (kind === 'order') return 1;
  return executions.filter(
    ({ startedAt, closedAt, strategy, ...execution }) =>
      startedAt.getTime() <= until &&
      (closedAt === undefined || closedAt.getTime() >= at) &&
      (kind === '' ||
        (kind === 'event' && execution.orderId === orderId) ||
        carriedBy[kind ?? ''] === strategy),
  ).length;
}

const carriedBy: Readonly<Record<string, Strategy>> = { mailbox: 'message-queue', relay: 'event-driven' };

function reaperOf({ sweeps, executions, resolutions }: State): ReaperSummary {
  const met = sweeps.filter((sweep) =>
    executions.some(
      ({ startedAt, closedAt }) =>
        startedAt.getTime() + REAPER.holdLimit * 1_000 <= sweep.closedAt.getTime() &&
        (closedAt === undefined || closedAt >= sweep.startedAt),
    ),
  );
  return { sweeps: sweeps.length, metOldOrders: met.length, settled: resolutions.length };
}

type CountedFault = Fault & { readonly inFlight: number };

function logOf(faults: readonly CountedFault[]): LoggedFault[] {
  return [...faults]
    .sort((one, other) => one.at - other.at)
    .map((fault) => ({ ...fault, at: isoTime(fault.at), until: isoTime(fault.until) }));
}

function summarise(faults: readonly CountedFault[]): FaultSummary[] {
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const inFlight = faults.filter((fault) => fault.kind === kind).map((fault) => fault.inFlight);
    return {
      kind,
      count: inFlight.length,
      hits: inFlight.filter((orders) => orders > 0).length,
      inFlight: sum(inFlight),
      mostInFlight: Math.max(...inFlight),
    };
  });
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}
