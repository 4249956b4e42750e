import { type Strategy, strategies } from '../../domain/strategies.ts';
import { barsOf, optionsOf } from './chart-kinds.ts';
import type { ReportChart } from './html.ts';
import {
  type Comparison,
  type CostFigures,
  type Demand,
  demands,
  type Fault,
  type FaultFigures,
  faults,
  type Load,
  loads,
  type PerformanceFigures,
  type Sample,
  type Spread,
} from './result.ts';
import { describeFault } from './under-faults.ts';

const colours: Record<Strategy, string> = {
  'two-phase': '#2f6fde',
  'message-queue': '#e08a00',
  'event-driven': '#1f9d74',
};

export function chartsOf(comparison: Comparison): ReportChart[] {
  const { performance, cost } = comparison;
  const hasPerformance = performance.length > 0;
  return [
    ...(hasPerformance ? [throughputChart(performance)] : []),
    ...(hasPerformance
      ? loads.flatMap((load) => demands.map((demand) => latencyChart(performance, load, demand)))
      : []),
    ...(hasPerformance ? loads.map((load) => costChart(cost, load)) : []),
    ...faults.flatMap((fault) => faultCharts(comparison.faults, fault)),
  ];
}

function throughputChart(all: readonly PerformanceFigures[]): ReportChart {
  const atSaturation = all.filter(({ load }) => load === 'saturation');
  const bars = (strategy: Strategy) =>
    demands.map(
      (demand) => atSaturation.find((row) => row.strategy === strategy && row.demand === demand)?.throughput,
    );
  return {
    title: 'Throughput',
    caption: 'Orders a second that became final, with many orders at a time. More is better.',
    group: 'performance',
    config: barChart(['many SKUs', 'one hot SKU'], bars, 'orders a second'),
  };
}

function latencyChart(all: readonly PerformanceFigures[], load: Load, demand: Demand): ReportChart {
  const bars = (strategy: Strategy) => {
    const found = all.find((row) => row.strategy === strategy && row.load === load && row.demand === demand);
    const { decided, final } = found ?? {};
    return [decided?.p50, decided?.p95, decided?.p99, final?.p50, final?.p95, final?.p99];
  };
  const names = ['decided', 'final'].flatMap((name) => ['p50', 'p95', 'p99'].map((rank) => [name, rank]));
  const atOnce = all.find((row) => row.load === load)?.atOnce ?? 0;
  const wanted = demand === 'hot' ? 'one hot SKU' : 'many SKUs';
  return {
    title: `Latency, ${atOnce} orders at a time, ${wanted}`,
    caption:
      'From sending an order until the customer knows the decision, and until all is recorded. Less is better.',
    group: 'performance',
    config: barChart(names, bars, 'milliseconds'),
  };
}

function costChart(all: readonly CostFigures[], load: Load): ReportChart {
  const bars = (strategy: Strategy) => {
    const found = all.find(
      (row) => row.strategy === strategy && row.load === load && row.demand === 'spread',
    );
    const { historyEvents, actions, writes, reads } = found ?? {};
    return [historyEvents, actions, writes, reads].map((value) =>
      value === undefined ? undefined : exactly(value),
    );
  };
  const names = ['history events', 'Temporal actions', 'database writes', 'database reads'];
  return {
    title: `Cost of one order, ${load === 'low' ? 'low load' : 'saturation'}`,
    caption: 'Means, many SKUs. The histories of every workflow that takes part are counted. Less is better.',
    group: 'cost',
    config: barChart(names, bars, 'for each order'),
  };
}

function exactly(value: number): Spread {
  return { median: value, lowest: value, highest: value };
}

function faultCharts(all: readonly FaultFigures[], fault: Fault): ReportChart[] {
  const rows = all.filter((row) => row.fault === fault);
  if (rows.length === 0) return [];
  const chart = (name: string, caption: string, of: (sample: Sample) => number): ReportChart => ({
    title: `${describeFault(fault)}: ${name}`,
    caption,
    group: 'faults',
    config: lineChart(rows, of, name),
  });
  return [
    chart('open orders', 'Orders that were sent and are not final. Grey: the fault.', ({ open }) => open),
    chart(
      'units on hold',
      'What a reader of the inventory’s database sees: stock that nobody else can buy.',
      ({ held }) => held,
    ),
    chart(
      'inconsistent orders',
      'What a reader of both databases sees: confirmed and not yet sold, or sold and not yet confirmed.',
      ({ inconsistent }) => inconsistent,
    ),
  ];
}

/** A bar for each strategy over each name. */
function barChart(
  names: readonly (string | readonly string[])[],
  bars: (strategy: Strategy) => readonly (Spread | undefined)[],
  unit: string,
): object {
  const series = strategies.map((strategy) => ({
    name: strategy,
    colour: colours[strategy],
    bars: bars(strategy),
  }));
  return barsOf(names, series, unit);
}

function lineChart(rows: readonly FaultFigures[], of: (sample: Sample) => number, unit: string): object {
  const began = Math.min(...rows.map((row) => row.began));
  const ended = Math.max(...rows.map((row) => row.ended));
  const last = Math.max(...rows.flatMap(({ samples }) => samples.map(({ at }) => at)));
  return {
    type: 'line',
    data: {
      datasets: rows.map(({ strategy, samples }) => ({
        label: strategy,
        borderColor: colours[strategy],
        backgroundColor: colours[strategy],
        borderWidth: 1.5,
        pointRadius: 0,
        data: samples.map((sample) => ({ x: sample.at, y: of(sample) })),
      })),
    },
    options: {
      ...optionsOf(
        { x: { type: 'linear', min: 0, max: Math.ceil(last), title: { display: true, text: 'seconds' } } },
        { text: unit, ticks: { precision: 0 } },
      ),
      band: { from: began, until: ended },
    },
  };
}
