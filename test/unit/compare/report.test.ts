import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import { chartsOf } from '../../../tools/compare/charts.ts';
import type { Comparison } from '../../../tools/compare/comparison.ts';
import { renderPage } from '../../../tools/compare/page.ts';
import { sectionsOf, verdictOf } from '../../../tools/compare/sections.ts';
import { dataIn, expectSelfContained } from '../../system/compare/page.ts';
import { sampleComparison } from './sample.ts';

const violation = { invariant: 'order-final', subject: 'two-phase.x.1', details: '<img src=x>' } as const;

test('tables: a row for each figure, a column for each strategy, medians with the extremes', () => {
  const sections = sectionsOf(sampleComparison());
  expect(sections.map(({ title }) => title)).toEqual([
    'many SKUs, 2 orders at a time (low load), 100 each round',
    'many SKUs, 100 orders at a time (saturation), 100 each round',
    'one hot SKU, 2 orders at a time (low load), 100 each round',
    'one hot SKU, 100 orders at a time (saturation), 100 each round',
    'inventory down',
    'order service down',
    'Temporal restarted: left out, because the server is your own',
  ]);
  const [lowLoad, , , , inventoryDown] = sections;
  expect(lowLoad?.rows).toContainEqual([
    'orders a second',
    '20.0 (18.0–24.0)',
    '40.0 (36.0–48.0)',
    '60.0 (54.0–72.0)',
  ]);
  expect(lowLoad?.rows).toContainEqual([
    'until final, p99, ms',
    '450 (405–540)',
    '900 (810–1080)',
    '1350 (1215–1620)',
  ]);
  expect(lowLoad?.rows).toContainEqual(['Temporal actions an order', '6.25', '12.5', '18.8']);
  expect(inventoryDown?.rows).toContainEqual(['all final after its end, s', '2.50', '5.00', 'never']);
  expect(inventoryDown?.rows).toContainEqual(['inconsistent, longest, s', '0.20', '0.20', '0.20']);
});

test('a part that was left out has no table, and no chart', () => {
  const onlyFaults = { ...sampleComparison(), performance: [], cost: [], skipped: [] };
  expect(sectionsOf(onlyFaults).map(({ title }) => title)).toEqual(['inventory down', 'order service down']);
  expect(chartsOf(onlyFaults).every(({ group }) => group === 'faults')).toBe(true);
  const onlyPerformance = { ...sampleComparison(), faults: [], skipped: [] };
  expect(chartsOf(onlyPerformance).map(({ group }) => group)).not.toContain('faults');
});

test('the verdict says how many orders were checked, or what was violated first', () => {
  expect(verdictOf(sampleComparison())).toBe('4321 orders were checked at the end: no violation.');
  expect(verdictOf({ ...sampleComparison(), violations: [violation] })).toMatch(
    /^VIOLATED 1 times.*order-final/,
  );
});

test('the page loads nothing, and nothing in it can end or add an element', async () => {
  const page = await renderPage({ ...sampleComparison(), violations: [violation] });
  expectSelfContained(page);
  expect(page).toContain('&lt;img src=x&gt;');
  expect(page.match(/<script\b/g)).toHaveLength(4);
  expect(page.match(/<\/script>/g)).toHaveLength(4);
});

test('the page holds the whole comparison, and a canvas for each chart', async () => {
  const comparison = sampleComparison();
  const page = await renderPage(comparison);
  expect(dataIn(page, 'comparison')).toEqual(comparison);
  const configs = dataIn(page, 'charts') as unknown[];
  expect(configs).toHaveLength(chartsOf(comparison).length);
  expect(page.match(/<canvas id="chart-\d+"/g)).toHaveLength(configs.length);
});

test('its scripts run, and draw each chart on its canvas', async () => {
  const page = await renderPage(sampleComparison());
  const [library = '', drawing = ''] = [...page.matchAll(/<script>\n([\s\S]*?)<\/script>/g)].map(
    ([, code]) => code,
  );
  expect(library, 'the whole library').toContain('Chart.js v4');
  const drawn: string[] = [];
  const Chart = class {
    static register() {}
    constructor(canvas: string) {
      drawn.push(canvas);
    }
  };
  const getElementById = (id: string) =>
    id === 'charts' ? { textContent: JSON.stringify(dataIn(page, 'charts')) } : id;
  runInContext(drawing, createContext({ Chart, document: { getElementById } }));
  expect(drawn).toEqual(chartsOf(sampleComparison()).map((_, index) => `chart-${index}`));
});

test('a bar has the median, and a whisker from the lowest to the highest round', () => {
  const comparison: Comparison = sampleComparison();
  const [throughput] = chartsOf(comparison);
  expect(throughput).toMatchObject({
    title: 'Throughput',
    config: {
      data: {
        datasets: [
          {
            label: 'two-phase',
            data: [20, 20],
            whiskers: [
              [18, 24],
              [18, 24],
            ],
          },
          { label: 'message-queue', data: [40, 40] },
          { label: 'event-driven', data: [60, 60] },
        ],
      },
    },
  });
});
