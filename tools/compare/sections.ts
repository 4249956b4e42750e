import { type Strategy, strategies } from '../../domain/strategies.ts';
import { groupsOf, type Latency } from '../measure/statistics.ts';
import { figure, type Section, spreadText, UNKNOWN } from '../measure/table.ts';
import type { Comparison } from './comparison.ts';
import type { CostFigures } from './cost.ts';
import { faultNames, faults } from './parts.ts';
import type { PerformanceFigures } from './performance.ts';
import type { FaultFigures } from './under-faults.ts';

export const columns: readonly Strategy[] = strategies;

/** Medians of the rounds, with the extremes in parentheses. */
export function sectionsOf({ performance, cost, faults: struck, skipped }: Comparison): Section[] {
  return [
    ...groupsOf(performance, kindOf).map((rows) => performanceSection(rows, cost)),
    ...byFault(struck).map(faultSection),
    ...skipped.map(({ fault, reason }) => section(`${faultNames[fault]}: left out, because ${reason}`, [])),
  ];
}

/** In the order in which faults are named, which is not that in which they struck. */
export function byFault(struck: readonly FaultFigures[]) {
  const inOrder = faults.flatMap((fault) => struck.filter((row) => row.fault === fault));
  return groupsOf(inOrder, ({ fault }) => fault);
}

export function verdictOf({ checkedOrders, violations }: Comparison): string {
  const [first] = violations;
  if (first === undefined) return `${checkedOrders} orders were checked at the end: no violation.`;
  return `VIOLATED ${violations.length} times in ${checkedOrders} orders; the first: ${first.invariant}: ${first.subject}: ${first.details}`;
}

const titles = { spread: 'many SKUs', hot: 'one hot SKU', low: 'low load', saturation: 'saturation' };
const kindOf = ({ demand, load }: PerformanceFigures | CostFigures) => `${demand} ${load}`;

type Some<Figures> = readonly [Figures, ...Figures[]];

function performanceSection(rows: Some<PerformanceFigures>, costs: readonly CostFigures[]): Section {
  const [first] = rows;
  const { demand, load, orders, atOnce } = first;
  const rowOf = rowMaker(rows);
  const costRowOf = rowMaker(costs.filter((row) => kindOf(row) === kindOf(first)));
  const latencies = (name: string, of: (figures: PerformanceFigures) => Latency) =>
    (['p50', 'p95', 'p99'] as const).map((rank) =>
      rowOf(`${name}, ${rank}, ms`, (figures) => spreadText(of(figures)[rank])),
    );
  return section(`${titles[demand]}, ${atOnce} orders at a time (${titles[load]}), ${orders} each round`, [
    rowOf('orders a second', ({ throughput }) => spreadText(throughput)),
    ...latencies('until decided', ({ decided }) => decided),
    ...latencies('until final', ({ final }) => final),
    costRowOf('history events an order', ({ historyEvents }) => figure(historyEvents)),
    costRowOf('Temporal actions an order', ({ actions }) => figure(actions)),
    costRowOf('database writes an order', ({ writes }) => figure(writes)),
    costRowOf('database reads an order', ({ reads }) => figure(reads)),
  ]);
}

function faultSection(rows: Some<FaultFigures>): Section {
  const rowOf = rowMaker(rows);
  return section(faultNames[rows[0].fault], [
    rowOf('lasted, s', ({ seconds }) => figure(seconds)),
    rowOf('new orders meanwhile', ({ offered }) => String(offered)),
    rowOf('accepted meanwhile', ({ accepted }) => String(accepted)),
    rowOf('decided meanwhile', ({ decided }) => String(decided)),
    rowOf('all final after its end, s', ({ finalAfter: s }) => (s === null ? 'never' : figure(s))),
    rowOf('pending, at most', ({ seen }) => String(seen.pending)),
    rowOf('units on hold, at most', ({ seen }) => String(seen.held)),
    rowOf('orders seen inconsistent', ({ seen }) => String(seen.inconsistent)),
    rowOf('inconsistent, in all, s', ({ seen }) => figure(seen.inconsistentTotal)),
    rowOf('inconsistent, longest, s', ({ seen }) => figure(seen.inconsistentLongest)),
  ]);
}

function section(title: string, rows: Section['rows']): Section {
  return { title, head: ['', ...columns], rows };
}

function rowMaker<Figures extends { readonly strategy: Strategy }>(rows: readonly Figures[]) {
  return (name: string, text: (figures: Figures) => string) => {
    const found = columns.map((strategy) => rows.find((row) => row.strategy === strategy));
    return [name, ...found.map((row) => (row === undefined ? UNKNOWN : text(row)))];
  };
}
