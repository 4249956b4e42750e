import { type Strategy, strategies } from '../../domain/strategies.ts';
import { invariants, type Violation } from '../measure/checker.ts';
import type { State } from '../measure/state.ts';
import { groupsOf, sum } from '../measure/statistics.ts';
import { count, tableOf } from '../measure/table.ts';
import { REAPER } from './chaos-stage.ts';
import { type Fault, readable } from './faults.ts';
import type { LoadPlan, StrategyChoice } from './load-plan.ts';
import type { Observations } from './storm.ts';
import type { Story } from './story.ts';

interface Run {
  readonly seed: string;
  readonly planned: { readonly orders: number; readonly minutes: number; readonly strategy: StrategyChoice };
  readonly violations: readonly Violation[];
  readonly stories: readonly Story[];
  readonly load: LoadPlan;
  readonly state: State;
  readonly seen: Observations;
}

export type RunReport = ReturnType<typeof composeReport>;

export function composeReport({ load, state, seen, ...known }: Run) {
  const faults = seen.faults.map((fault) => ({ ...fault, inFlight: inFlightDuring(fault, state) }));
  const proved = faults.some(({ inFlight }) => inFlight > 0);
  return {
    ...known,
    seconds: seen.seconds,
    outcomes: outcomesOf(state, load, strategies),
    outcomesBy: {
      'two-phase': outcomesOf(state, load, ['two-phase']),
      'message-queue': outcomesOf(state, load, ['message-queue']),
      'event-driven': outcomesOf(state, load, ['event-driven']),
    },
    faults: summarise(faults),
    log: faults.toSorted((one, other) => one.at - other.at).map(readable),
    stockReads: seen.stockReads,
    reaper: reaperOf(state),
    /** Those of customers that were compared with what came of the order. */
    answers: seen.answers.told.length,
    surprises: seen.answers.surprises,
    verdict: known.violations.length > 0 ? 'violated' : proved ? 'passed' : 'proved nothing',
  } as const;
}

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
      report.faults.map((each) => [each.kind, each.count, each.hits, each.inFlight, each.mostInFlight]),
    ),
    '',
    `Compared ${answers} answers to customers with what came of their orders, and read the stock ${stockReads} times while faults hit.`,
    `The reaper swept ${reaper.sweeps} times, ${reaper.metOldOrders} of them while orders older than its limit of ${REAPER.holdLimit} s were in flight, and settled ${reaper.settled}.`,
    ...Object.entries(report.surprises).map(([error, count]) => `Asked again ${count} × after: ${error}`),
    ...report.violations.slice(0, FEW).map(violationText),
    ...report.stories.slice(0, FEW).map(({ subject, file }) => `The story of ${subject}: ${file}`),
    ...(report.stories.length > FEW ? [`(and those of ${report.stories.length - FEW} more, beside it)`] : []),
    verdictOf(report),
  ].join('\n');
}

// The files have all of them.
const FEW = 10;

const violationText = ({ invariant, subject, details }: Violation) =>
  `VIOLATED ${invariant} (${invariants[invariant]}): ${subject}: ${details}`;

function verdictOf({ verdict, violations, faults, seed }: RunReport): string {
  const hits = sum(faults.map((fault) => fault.hits));
  const verdicts = {
    passed: `PASSED: ${hits} faults met orders in flight, and all ${Object.keys(invariants).length} invariants hold.`,
    violated: `FAILED: ${violations.length} violations (again: --seed ${seed}).`,
    'proved nothing':
      'FAILED: no fault met an order in flight, so this run proved nothing; place more orders, or run longer.',
  };
  return verdicts[verdict];
}

function outcomesTable({ planned, outcomes, outcomesBy }: RunReport): string {
  const shown = planned.strategy === 'mixed' ? strategies : [];
  const cells = (name: string) => shown.map((strategy) => outcomesBy[strategy][name] ?? 0);
  return tableOf(
    shown.length === 0 ? [] : ['outcome', 'orders', ...shown],
    Object.entries(outcomes).map(([name, count]) => [name, count, ...cells(name)]),
  );
}

function outcomesOf({ executions }: State, plan: LoadPlan, among: readonly Strategy[]) {
  const counts: Record<string, number> = { confirmed: 0, rejected: 0, cancelled: 0 };
  for (const { status, outcome } of executions.filter(({ strategy }) => among.includes(strategy))) {
    count(counts, outcome?.status ?? status.toLowerCase());
    if (outcome?.status === 'rejected') count(counts, `rejected: ${outcome.reason?.code}`);
  }
  const arrived = new Set(executions.map(({ orderId }) => orderId));
  const planned = plan.orders.filter(({ strategy }) => among.includes(strategy));
  const lost = planned.filter(({ order }) => !arrived.has(order.orderId)).length;
  counts['never arrived, the customer was cut off'] = lost;
  return counts;
}

function inFlightDuring({ at, until, workflowId = '' }: Fault, { executions }: State): number {
  // A fault of one activity concerns its own order, or those whose announcements its workflow carries.
  const [kind] = workflowId.split('/');
  if (kind === 'order') return 1;
  return executions.filter(
    ({ startedAt, closedAt, strategy }) =>
      startedAt.getTime() <= until &&
      (closedAt === undefined || closedAt.getTime() >= at) &&
      (kind === '' || (kind === 'mailbox' && strategy !== 'two-phase')),
  ).length;
}

function reaperOf({ sweeps, executions, resolutions }: State) {
  const met = sweeps.filter((sweep) =>
    executions.some(
      ({ startedAt, closedAt }) =>
        startedAt.getTime() + REAPER.holdLimit * 1_000 <= sweep.closedAt.getTime() &&
        (closedAt === undefined || closedAt >= sweep.startedAt),
    ),
  );
  return { sweeps: sweeps.length, metOldOrders: met.length, settled: resolutions.length };
}

function summarise(faults: readonly (Fault & { readonly inFlight: number })[]) {
  const byKind = faults.toSorted((one, other) => one.kind.localeCompare(other.kind));
  return groupsOf(byKind, ({ kind }) => kind).map((alike) => {
    const inFlight = alike.map((fault) => fault.inFlight);
    const [{ kind }] = alike;
    const hits = inFlight.filter((orders) => orders > 0).length;
    return { kind, count: alike.length, hits, inFlight: sum(inFlight), mostInFlight: Math.max(...inFlight) };
  });
}
