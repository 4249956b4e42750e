import { groupsOf, type Latency, type Spread } from '../measure/statistics.ts';
import type { Section } from '../measure/table.ts';
import { figure, placeOf, sectionText, spreadText, UNKNOWN, verdictOf } from '../measure/table.ts';
import { memoryHead, memoryRows } from '../measure/usage.ts';
import type { EngineResult } from './engine.ts';
import type { Figures, Part } from './engine-result.ts';

export function renderEngine(result: EngineResult): string {
  const sections = sectionsOf(result).map((section) => `${sectionText(section)}\n`);
  return [...sections, placeOf(result), verdictOf(result.problems)].join('\n');
}

export function sectionsOf({ figures, histories, ratios, memory }: EngineResult): Section[] {
  return [
    {
      title: 'What we want to know',
      head: ['in turns, round by round', 'wanted', 'measured'],
      rows: ratios.map(({ name, target, ratio }) => [name, target, spread(ratio)]),
    },
    ...groupsOf(figures, keyOf).flatMap((rows) => [timesSection(rows), usageSection(rows)]),
    {
      title: 'The history of an order’s own workflow, placed one after another',
      head: ['', 'events', 'bytes', 'actions that Temporal Cloud bills'],
      rows: histories.map(({ subject, ...measured }) => [
        ...[subject, spread(measured.events), spread(measured.bytes), spread(measured.actions)],
      ]),
    },
    {
      title: 'Resident memory of each worker, over the whole run',
      head: ['', ...memoryHead],
      rows: memoryRows(memory),
    },
  ].filter(({ rows }) => rows.length > 0);
}

const TITLES: Readonly<Record<Part, string>> = {
  closed: 'Customers who place the next order when one is done',
  open: 'Customers at a fixed rate',
  hot: 'Fifty customers at a time, on one SKU and on fifty',
  growth: 'Ten times the orders, fifty customers at a time',
  workers: 'A second worker process of each service, fifty customers at a time',
};

/** One table has a load's subjects, or a whole part that has few. */
function keyOf({ part, setting }: Figures): string {
  return part === 'closed' || part === 'open' ? `${TITLES[part]}: ${setting}` : TITLES[part];
}

function nameOf({ part, subject, setting }: Figures): string {
  return part === 'closed' || part === 'open' ? subject : `${subject}, ${setting}`;
}

function timesSection(rows: readonly Figures[]): Section {
  const asked = rows.some(({ decided }) => decided !== undefined);
  return {
    title: `${keyOf(rows[0] as Figures)}; ms`,
    head: [
      ...['', 'orders', 'orders a second'],
      ...(asked ? ['decided: p50', 'p95', 'p99'] : []),
      ...['final: p50', 'p95', 'p99'],
    ],
    rows: rows.map((row) => [
      ...[nameOf(row), String(row.orders), spread(row.throughput)],
      ...(asked ? latency(row.decided) : []),
      ...latency(row.final),
    ]),
  };
}

function usageSection(rows: readonly Figures[]): Section {
  return {
    title: `${keyOf(rows[0] as Figures)}; each order`,
    head: [
      ...['', 'database writes', 'reads', 'workers’ requests to Temporal', 'inventory activities'],
      ...['processor ms: workers', 'servers'],
    ],
    rows: rows.map((row) => {
      const { writes, reads, requests, inventoryActivities, workerSeconds, serverSeconds } = row.usage;
      return [
        ...[nameOf(row), exact(writes), exact(reads), exact(requests), exact(inventoryActivities)],
        ...[milliseconds(workerSeconds), milliseconds(serverSeconds)],
      ];
    }),
  };
}

function latency(of: Latency | undefined): string[] {
  if (of === undefined) return [UNKNOWN, UNKNOWN, UNKNOWN];
  return [spread(of.p50), exact(of.p95.median), exact(of.p99.median)];
}

const milliseconds = (seconds: number | undefined) =>
  seconds === undefined ? UNKNOWN : exact(seconds * 1_000);
const spread = (measured: Spread) => spreadText(measured, exact);

const exact = (value: number) => (Number.isInteger(value) ? String(value) : figure(value));
