import { type Strategy, strategies } from '../../domain/strategies.ts';
import type { Demand } from '../measure/shelves.ts';
import type { Spread } from '../measure/statistics.ts';
import type { Comparison } from './comparison.ts';
import type { CostFigures } from './cost.ts';
import { demands, faultNames, type LoadName, loads } from './parts.ts';
import type { PerformanceFigures } from './performance.ts';
import type { Sample } from './reader.ts';
import { byFault } from './sections.ts';
import type { FaultFigures } from './under-faults.ts';

export interface Chart {
  readonly title: string;
  readonly caption: string;
  readonly group: 'performance' | 'cost' | 'faults';
  /** For Chart.js, as plain JSON, with what `page.browser.js` adds to it. */
  readonly config: object;
}

const colours = { 'two-phase': '#2f6fde', 'message-queue': '#e08a00', 'event-driven': '#1f9d74' };

export function chartsOf({ performance, cost, faults: struck }: Comparison): Chart[] {
  const ofFaults = byFault(struck).flatMap(faultCharts);
  if (performance.length === 0) return ofFaults;
  return [
    throughputChart(performance),
    ...loads.flatMap((load) => demands.map((demand) => latencyChart(performance, load, demand))),
    ...loads.map((load) => costChart(cost, load)),
    ...ofFaults,
  ];
}

function throughputChart(all: readonly PerformanceFigures[]): Chart {
  const found = (strategy: Strategy, demand: Demand) =>
    all.find((row) => row.load === 'saturation' && row.strategy === strategy && row.demand === demand);
  return {
    title: 'Throughput',
    caption: 'Orders a second that became final, with many orders at a time. More is better.',
    group: 'performance',
    config: barChart(['many SKUs', 'one hot SKU'], 'orders a second', (strategy) =>
      demands.map((demand) => found(strategy, demand)?.throughput),
    ),
  };
}

function latencyChart(all: readonly PerformanceFigures[], load: LoadName, demand: Demand): Chart {
  const rows = all.filter((row) => row.load === load && row.demand === demand);
  const names = ['decided', 'final'].flatMap((name) => ['p50', 'p95', 'p99'].map((rank) => [name, rank]));
  const wanted = demand === 'hot' ? 'one hot SKU' : 'many SKUs';
  return {
    title: `Latency, ${rows[0]?.atOnce} orders at a time, ${wanted}`,
    caption:
      'From sending an order until the customer knows the decision, and until all is recorded. Less is better.',
    group: 'performance',
    config: barChart(names, 'milliseconds', (strategy) => {
      const { decided, final } = rows.find((row) => row.strategy === strategy) ?? {};
      return [decided?.p50, decided?.p95, decided?.p99, final?.p50, final?.p95, final?.p99];
    }),
  };
}

function costChart(all: readonly CostFigures[], load: LoadName): Chart {
  const rows = all.filter((row) => row.load === load && row.demand === 'spread');
  const names = ['history events', 'Temporal actions', 'database writes', 'database reads'];
  return {
    title: `Cost of one order, ${load === 'low' ? 'low load' : 'saturation'}`,
    caption: 'Means, many SKUs. The histories of every workflow that takes part are counted. Less is better.',
    group: 'cost',
    config: barChart(names, 'for each order', (strategy) => {
      const { historyEvents, actions, writes, reads } = rows.find((row) => row.strategy === strategy) ?? {};
      return [historyEvents, actions, writes, reads].map((value) =>
        value === undefined ? undefined : { median: value, lowest: value, highest: value },
      );
    }),
  };
}

function faultCharts(rows: readonly [FaultFigures, ...FaultFigures[]]): Chart[] {
  return lines.map(([figure, name, caption]) => {
    const config = lineChart(rows, (sample) => sample[figure], name);
    return { title: `${faultNames[rows[0].fault]}: ${name}`, caption, group: 'faults', config };
  });
}

const both =
  'What a reader of both databases sees: confirmed and not yet sold, or sold and not yet confirmed.';
const lines = [
  ['open', 'open orders', 'Orders that were sent and are not final. Grey: the fault.'],
  [
    'held',
    'units on hold',
    'What a reader of the inventory’s database sees: stock that nobody else can buy.',
  ],
  ['inconsistent', 'inconsistent orders', both],
] as const;

/** A bar for each strategy over each name, as high as the median; its whisker goes from the lowest to the highest. */
function barChart(
  labels: readonly (string | readonly string[])[],
  text: string,
  barsOf: (strategy: Strategy) => readonly (Spread | undefined)[],
): object {
  const datasets = strategies.map((strategy) => {
    const bars = barsOf(strategy);
    return {
      label: strategy,
      backgroundColor: colours[strategy],
      data: bars.map((bar) => bar?.median ?? null),
      whiskers: bars.map((bar) => bar && [bar.lowest, bar.highest]),
    };
  });
  const suggestedMax = Math.max(...strategies.flatMap(barsOf).map((bar) => bar?.highest ?? 0));
  const options = chartOptions({ x: { grid: { display: false } } }, text, { suggestedMax });
  return { type: 'bar', data: { labels, datasets }, options };
}

function lineChart(rows: readonly FaultFigures[], of: (sample: Sample) => number, unit: string): object {
  const last = Math.max(...rows.flatMap(({ samples }) => samples.map(({ at }) => at)));
  const from = Math.min(...rows.map(({ began }) => began));
  const band = { from, until: Math.max(...rows.map(({ ended }) => ended)) };
  const x = { type: 'linear', min: 0, max: Math.ceil(last), title: { display: true, text: 'seconds' } };
  return {
    type: 'line',
    data: {
      datasets: rows.map(({ strategy, samples }) => {
        const data = samples.map((sample) => ({ x: sample.at, y: of(sample) }));
        const colour = { borderColor: colours[strategy], backgroundColor: colours[strategy] };
        return { label: strategy, ...colour, borderWidth: 1.5, pointRadius: 0, data };
      }),
    },
    options: { ...chartOptions({ x }, unit, { ticks: { precision: 0 } }), band },
  };
}

function chartOptions(scales: object, text: string, y: object): object {
  return {
    animation: false,
    maintainAspectRatio: false,
    plugins: { legend: { position: 'bottom', labels: { boxWidth: 12 } } },
    scales: { ...scales, y: { beginAtZero: true, grace: '5%', title: { display: true, text }, ...y } },
  };
}
