import { type Strategy, strategies } from '../../domain/strategies.ts';
import type { Demand } from '../measure/shelves.ts';
import type { Latency } from '../measure/statistics.ts';
import { figure, type Section, spreadText, UNKNOWN } from '../measure/table.ts';
import {
  type Comparison,
  type CostFigures,
  demands,
  type FaultFigures,
  faultNames,
  faults,
  type LoadName,
  loads,
  type PerformanceFigures,
} from './result.ts';

export const columns: readonly Strategy[] = strategies;

/** What a comparison has found, for people: medians of the rounds, with the extremes in parentheses. */
export function sectionsOf(comparison: Comparison): Section[] {
  const measurements = demands.flatMap((demand) => loads.map((load) => ({ demand, load })));
  return [
    ...measurements.flatMap(({ demand, load }) => {
      const isThis = (row: { demand: Demand; load: LoadName }) => row.demand === demand && row.load === load;
      return performanceSection(comparison.performance.filter(isThis), comparison.cost.filter(isThis));
    }),
    ...faults.flatMap((fault) => faultSection(comparison.faults.filter((row) => row.fault === fault))),
    ...comparison.skipped.map(({ fault, reason }) => ({
      title: `${faultNames[fault]}: left out, because ${reason}`,
      ...{ head: [], rows: [] },
    })),
  ];
}

/** How it ended, in one line. */
export function verdictOf({ checkedOrders, violations }: Comparison): string {
  if (violations.length === 0) return `${checkedOrders} orders were checked at the end: no violation.`;
  const [{ invariant, subject, details } = { invariant: '', subject: '', details: '' }] = violations;
  return `VIOLATED ${violations.length} times in ${checkedOrders} orders; the first: ${invariant}: ${subject}: ${details}`;
}

function performanceSection(rows: readonly PerformanceFigures[], costs: readonly CostFigures[]): Section[] {
  const [first] = rows;
  if (first === undefined) return [];
  const { demand, load, orders, atOnce } = first;
  const rowOf = rowMaker(rows);
  const costRowOf = rowMaker(costs);
  const latencies = (name: string, of: (figures: PerformanceFigures) => Latency) =>
    (['p50', 'p95', 'p99'] as const).map((rank) =>
      rowOf(`${name}, ${rank}, ms`, (figures) => spreadText(of(figures)[rank])),
    );
  return [
    {
      head: ['', ...columns],
      title: `${titles[demand]}, ${atOnce} orders at a time (${titles[load]}), ${orders} each round`,
      rows: [
        rowOf('orders a second', ({ throughput }) => spreadText(throughput)),
        ...latencies('until decided', ({ decided }) => decided),
        ...latencies('until final', ({ final }) => final),
        costRowOf('history events an order', ({ historyEvents }) => figure(historyEvents)),
        costRowOf('Temporal actions an order', ({ actions }) => figure(actions)),
        costRowOf('database writes an order', ({ writes }) => figure(writes)),
        costRowOf('database reads an order', ({ reads }) => figure(reads)),
      ],
    },
  ];
}

const titles = { spread: 'many SKUs', hot: 'one hot SKU', low: 'low load', saturation: 'saturation' };

function faultSection(rows: readonly FaultFigures[]): Section[] {
  const [first] = rows;
  if (first === undefined) return [];
  const rowOf = rowMaker(rows);
  return [
    {
      head: ['', ...columns],
      title: faultNames[first.fault],
      rows: [
        rowOf('lasted, s', ({ seconds }) => figure(seconds)),
        rowOf('new orders meanwhile', ({ offered }) => String(offered)),
        rowOf('accepted meanwhile', ({ accepted }) => String(accepted)),
        rowOf('decided meanwhile', ({ decided }) => String(decided)),
        rowOf('all final after its end, s', ({ finalAfter }) =>
          finalAfter === null ? 'never' : figure(finalAfter),
        ),
        rowOf('pending, at most', ({ seen }) => String(seen.pending)),
        rowOf('units on hold, at most', ({ seen }) => String(seen.held)),
        rowOf('orders seen inconsistent', ({ seen }) => String(seen.inconsistent)),
        rowOf('inconsistent, in all, s', ({ seen }) => figure(seen.inconsistentTotal)),
        rowOf('inconsistent, longest, s', ({ seen }) => figure(seen.inconsistentLongest)),
      ],
    },
  ];
}

function rowMaker<Figures extends { readonly strategy: Strategy }>(rows: readonly Figures[]) {
  return (name: string, text: (figures: Figures) => string) => [
    name,
    ...columns.map((strategy) => {
      const found = rows.find((row) => row.strategy === strategy);
      return found === undefined ? UNKNOWN : text(found);
    }),
  ];
}
