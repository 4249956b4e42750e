import { strategies } from '../../../domain/strategies.ts';
import type { Comparison } from '../../../tools/compare/comparison.ts';
import type { CostFigures } from '../../../tools/compare/cost.ts';
import { demands, faults, loads, parts } from '../../../tools/compare/parts.ts';
import type { PerformanceFigures } from '../../../tools/compare/performance.ts';
import type { FaultFigures } from '../../../tools/compare/under-faults.ts';
import type { Spread } from '../../../tools/measure/statistics.ts';

/** A comparison with figures that are made up, and easy to tell apart: the n-th strategy's are n times as large. */
export function sampleComparison(): Comparison {
  return {
    at: '2025-01-02T03:04:05.678Z',
    machine: '2 cores, 4 GiB',
    servers: { temporal: 'started for this run', mongodb: '</script><b>"MONGODB_URI"</b> & more' },
    options: { orders: 100, rounds: 3, faultSeconds: 30, parts: [...parts] },
    performance: demands.flatMap((demand) =>
      loads.flatMap((load) => strategies.map((_, index) => performance(index, { demand, load }))),
    ),
    cost: demands.flatMap((demand) =>
      loads.flatMap((load) => strategies.map((_, index) => cost(index, { demand, load }))),
    ),
    faults: faults.slice(0, 2).flatMap((fault) => strategies.map((_, index) => faultFigures(index, fault))),
    skipped: [{ fault: 'temporal-restarted', reason: 'the server is your own' }],
    checkedOrders: 4_321,
    violations: [],
  };
}

type Measurement = Pick<PerformanceFigures, 'demand' | 'load'>;

function performance(index: number, measurement: Measurement): PerformanceFigures {
  const times = (first: number) => ({
    p50: spread(first * (index + 1)),
    p95: spread(2 * first * (index + 1)),
    p99: spread(3 * first * (index + 1)),
  });
  return {
    ...measurement,
    strategy: strategyAt(index),
    ...{ orders: 100, atOnce: measurement.load === 'low' ? 2 : 100 },
    throughput: spread(20 * (index + 1)),
    decided: times(100),
    final: times(150),
  };
}

function cost(index: number, measurement: Measurement): CostFigures {
  const times = index + 1;
  return {
    ...measurement,
    strategy: strategyAt(index),
    ...{ historyEvents: 40 * times, actions: 6.25 * times, writes: 8 * times, reads: times },
  };
}

function faultFigures(index: number, fault: FaultFigures['fault']): FaultFigures {
  const times = index + 1;
  return {
    ...{ fault, strategy: strategyAt(index), seconds: 31.5, began: 5, ended: 36.5 },
    ...{ sent: 166, offered: 126, accepted: 126, decided: 0, finalAfter: index === 2 ? null : 2.5 * times },
    seen: { pending: 126, held: 4, inconsistent: 3, inconsistentTotal: 0.6, inconsistentLongest: 0.2 },
    samples: [0, 20, 40].map((at) => ({ at, open: times * at, pending: at, held: 0, inconsistent: 0 })),
  };
}

function spread(median: number): Spread {
  return { median, lowest: 0.9 * median, highest: 1.2 * median };
}

function strategyAt(index: number): (typeof strategies)[number] {
  return strategies[index] ?? 'two-phase';
}
