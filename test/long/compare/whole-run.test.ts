import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { strategies } from '../../../domain/strategies.ts';
import { chartsOf } from '../../../tools/compare/charts.ts';
import type { Comparison } from '../../../tools/compare/comparison.ts';
import { demands, faults, loads, parts } from '../../../tools/compare/parts.ts';
import { columns, sectionsOf, verdictOf } from '../../../tools/compare/sections.ts';
import type { Latency } from '../../../tools/measure/statistics.ts';
import { dataIn, expectSelfContained, runCompare } from '../../system/compare/page.ts';

// `npm run compare` as a user runs it, on servers of its own; only smaller than by default.

const ORDERS = 10;
const FAULT_SECONDS = 1;

let directory: string;
let result: Awaited<ReturnType<typeof runCompare>>;
let comparison: Comparison;
let page: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const html = path.join(directory, 'report.html');
  const size = ['--orders', ORDERS, '--rounds', 1, '--fault-seconds', FAULT_SECONDS].map(String);
  const nobodyElses = { TEMPORAL_ADDRESS: undefined, TEMPORAL_PROFILE: undefined, MONGODB_URI: undefined };
  result = await runCompare([...size, '--html', html, '--json'], { ...nobodyElses, TMPDIR: directory });
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  comparison = JSON.parse(result.stdout) as Comparison;
  page = await readFile(html, 'utf8');
}, 1_500_000); // a few minutes; more where others use the machine as well

afterAll(() => rm(directory, { recursive: true }));

test('it does what it was asked to do, and finds no violation', () => {
  const { options, violations, skipped } = comparison;
  expect(options).toEqual({ orders: ORDERS, rounds: 1, faultSeconds: FAULT_SECONDS, parts });
  expect({ violations, skipped }).toEqual({ violations: [], skipped: [] });
});

test('it has every section, with a figure for each strategy in each row', () => {
  const sections = sectionsOf(comparison);
  expect(sections).toHaveLength(demands.length * loads.length + faults.length);
  for (const { title, rows } of sections) {
    expect(rows.length, title).toBeGreaterThan(0);
    for (const [name, ...cells] of rows) {
      expect(cells, `${title}: ${name}`).toHaveLength(columns.length);
      for (const cell of cells) expect(cell, `${title}: ${name}`).toMatch(/^\d/);
    }
  }
});

const kindOf = ({ demand, load, strategy }: Comparison['performance'][number] | Comparison['cost'][number]) =>
  `${demand} ${load} ${strategy}`;

describe('performance', () => {
  test('every strategy is measured under each load and demand, and has its cost', () => {
    const kinds = demands.flatMap((demand) =>
      loads.flatMap((load) => strategies.map((strategy) => `${demand} ${load} ${strategy}`)),
    );
    expect(comparison.performance.map(kindOf)).toEqual(kinds);
    expect(comparison.cost.map(kindOf)).toEqual(kinds);
  });

  test('no order is final before it is decided, and no percentile is below a lower one', () => {
    for (const { decided, final, ...kind } of comparison.performance) {
      for (const latency of [decided, final])
        expect(ranksOf(latency)).toEqual(ranksOf(latency).sort(ascending));
      ranksOf(final).forEach((time, rank) => {
        expect(time, JSON.stringify(kind)).toBeGreaterThanOrEqual(ranksOf(decided)[rank] ?? Number.NaN);
      });
    }
  });

  test('orders at a time and the time each takes come to the orders a second', () => {
    for (const { atOnce, throughput, final, ...kind } of comparison.performance) {
      // Little's law, of the slowest one: nobody waits longer than that for a place.
      expect(throughput.median * (final.p99.median / 1_000), JSON.stringify(kind)).toBeGreaterThanOrEqual(1);
      expect(throughput.lowest).toBe(throughput.highest);
      expect(atOnce).toBeLessThanOrEqual(kind.orders);
    }
  });

  test('an order has at least the events, the actions and the writes that no strategy can do without', () => {
    for (const { historyEvents, actions, writes, ...kind } of comparison.cost) {
      const least = { historyEvents: 10, actions: 3, writes: 4 };
      expect(historyEvents, JSON.stringify(kind)).toBeGreaterThan(least.historyEvents);
      expect(actions, JSON.stringify(kind)).toBeGreaterThan(least.actions);
      expect(historyEvents, JSON.stringify(kind)).toBeGreaterThan(actions);
      expect(writes, JSON.stringify(kind)).toBeGreaterThan(least.writes);
    }
  });
});

const ranksOf = ({ p50, p95, p99 }: Latency) => [p50.median, p95.median, p99.median];
const ascending = (one: number, other: number) => one - other;

describe('faults', () => {
  test('every strategy meets each fault, for as long as was asked for', () => {
    const kinds = faults.flatMap((fault) => strategies.map((strategy) => `${fault} ${strategy}`));
    // What restarts Temporal comes last, on a server of its own.
    const met = comparison.faults.map(({ fault, strategy }) => `${fault} ${strategy}`);
    expect(met.sort()).toEqual(kinds.sort());
    for (const { fault, seconds } of comparison.faults) {
      if (fault.endsWith('-down')) expect(seconds).toBeGreaterThanOrEqual(FAULT_SECONDS);
    }
  });

  test('no order is decided that was not sent, and all are final in the end', () => {
    for (const {
      fault,
      strategy,
      sent,
      offered,
      accepted,
      decided,
      finalAfter,
      samples,
    } of comparison.faults) {
      const what = `${fault} ${strategy}`;
      expect(offered, what).toBeGreaterThan(0);
      expect(sent, what).toBeGreaterThan(offered);
      expect(accepted, what).toBeLessThanOrEqual(offered);
      expect(decided, what).toBeLessThanOrEqual(offered);
      expect(finalAfter, what).not.toBeNull();
      expect(samples.at(-1), what).toMatchObject({ open: 0, pending: 0, held: 0, inconsistent: 0 });
    }
  });

  test('an outage is seen by the reader, and the most that is seen is in a sample', () => {
    for (const { fault, strategy, seconds, began, ended, seen, samples } of comparison.faults) {
      const what = `${fault} ${strategy}`;
      expect(ended - began, what).toBeCloseTo(seconds, 2);
      expect(samples.map(({ at }) => at)).toEqual(samples.map(({ at }) => at).sort(ascending));
      expect(samples.at(0)?.at, what).toBeLessThan(began);
      expect(samples.at(-1)?.at, what).toBeGreaterThan(ended);
      for (const figure of ['pending', 'held'] as const) {
        expect(seen[figure], what).toBe(Math.max(...samples.map((sample) => sample[figure])));
      }
      expect(seen.inconsistent, what).toBeGreaterThanOrEqual(
        Math.max(...samples.map((sample) => sample.inconsistent)),
      );
      expect(seen.inconsistentLongest, what).toBeLessThanOrEqual(seen.inconsistentTotal);
    }
  });
});

test('every order that was sent was checked', () => {
  const measured = comparison.performance.reduce((sum, { orders }) => sum + orders, 0);
  // Each demand is warmed up with as many as a round has.
  const warmUps = demands.length * strategies.length * ORDERS;
  const underFaults = comparison.faults.reduce((sum, { sent }) => sum + sent, 0);
  expect(comparison.checkedOrders).toBe(measured + warmUps + underFaults);
});

test('the report loads nothing, and holds the same figures, and a chart for each group of them', () => {
  expectSelfContained(page);
  expect(dataIn(page, 'comparison')).toEqual(comparison);
  expect(dataIn(page, 'charts')).toHaveLength(chartsOf(comparison).length);
  expect(page).toContain(verdictOf(comparison));
});

test('it prints nothing else, and leaves nothing behind but the report', async () => {
  expect(result.stderr).toBe('');
  const left = (await readdir(directory)).filter((name) => name.startsWith('concord-'));
  expect(left).toEqual([]);
});
