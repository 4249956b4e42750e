import { expect, test } from 'vitest';
import type { EngineResult } from '../../../tools/bench/engine.ts';
import { type EngineOptions, figuresOf, parts, type Run } from '../../../tools/bench/engine-result.ts';
import { sectionsOf } from '../../../tools/bench/engine-tables.ts';
import { ratiosOf } from '../../../tools/bench/ratios.ts';
import { subjects } from '../../../tools/bench/subjects.ts';

const options: EngineOptions = { subjects, parts, orders: 10, rounds: 2, atOnce: [2, 50], rates: [3] };
const usage = {
  ...{ writes: 7, reads: 0, requests: 14, inventoryActivities: 2 },
  ...{ workerSeconds: 0.05, serverSeconds: undefined },
};

/** @param elapsed Of each round, in seconds. */
function rounds(kind: Pick<Run, 'part' | 'subject' | 'setting'>, elapsed: readonly number[]): Run[] {
  return elapsed.map((seconds) => {
    const times = [10, 20, 30].map((each) => each * seconds);
    return { ...kind, orders: 10, elapsed: seconds * 1_000, decided: times, final: times, usage };
  });
}

const runs: readonly Run[] = [
  ...rounds({ part: 'closed', subject: 'floor', setting: '50 at once' }, [1, 4]),
  ...rounds({ part: 'closed', subject: 'plain', setting: '50 at once' }, [1, 5]),
  ...rounds({ part: 'closed', subject: 'two-phase', setting: '50 at once' }, [2, 5]),
  ...rounds({ part: 'closed', subject: 'two-phase', setting: '2 at once' }, [3, 3]),
  ...rounds({ part: 'closed', subject: 'sequential-saga', setting: '2 at once' }, [6, 5]),
];

test('a ratio is of two runs of the same round, and of nothing where one was not measured', () => {
  const ratios = Object.fromEntries(ratiosOf(runs, options).map(({ name, ratio }) => [name, ratio]));
  expect(ratios).toEqual({
    'two-phase to the floor: orders a second, 50 at once': { median: 0.65, lowest: 0.5, highest: 0.8 },
    'two-phase to plain: orders a second, 50 at once': { median: 0.75, lowest: 0.5, highest: 1 },
    "two-phase to plain: the workers' processor time, 50 at once": { median: 1, lowest: 1, highest: 1 },
    'two-phase to the sequential saga: p50 to the decision, 2 at once': {
      ...{ median: 0.55, lowest: 0.5, highest: 0.6 },
    },
    'two-phase to the sequential saga: p50 until final, 2 at once': {
      ...{ median: 0.55, lowest: 0.5, highest: 0.6 },
    },
  });
});

test('the rounds of a measurement become one row, with the extremes', () => {
  const figures = figuresOf(runs);
  expect(figures).toHaveLength(5);
  expect(figures[0]).toMatchObject({
    ...{ part: 'closed', subject: 'floor', setting: '50 at once' },
    throughput: { median: 6.25, lowest: 2.5, highest: 10 },
    final: { p50: { median: 50, lowest: 20, highest: 80 } },
    usage,
  });
});

const result = (): EngineResult => ({
  ...{ at: '2026-01-31T13:05:07.589Z', machine: '2 cores', servers: { temporal: 't', mongodb: 'm' } },
  ...{ options, figures: figuresOf(runs), ratios: ratiosOf(runs, options), problems: ['<img src=x>'] },
  histories: [{ subject: 'floor', events: spread(23), bytes: spread(3_900), actions: spread(5) }],
  memory: { orders: undefined, inventory: { start: 1e8, peak: 2e8, end: 1e8, growth: 1.5 } },
});

const spread = (value: number) => ({ median: value, lowest: value, highest: value });

test('tables say what was measured, and what could not be', () => {
  const sections = sectionsOf(result());
  const cells = sections.flatMap(({ rows }) => rows);
  expect(cells).toContainEqual([
    'two-phase to the floor: orders a second, 50 at once',
    '≥ 0.95',
    '0.65 (0.50–0.80)',
  ]);
  expect(cells).toContainEqual(['floor', '7', '0', '14', '2', '50', '–']);
  expect(cells).toContainEqual(['floor', '23', '3900', '5']);
  expect(cells).toContainEqual(['orders', '–', '–', '–', '–']);
  for (const { head, rows } of sections) for (const row of rows) expect(row).toHaveLength(head.length);
});
