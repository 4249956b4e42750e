import type { ReportTable } from '../../compare/html.ts';
import type { Latency, Spread } from '../../compare/result.ts';
import { megabytes } from '../../measure/text.ts';
import type { EngineResult, Figures, Part } from './result.ts';

/** What a run has found, for people: medians of the rounds, with the lowest and the highest in parentheses. */
export function sectionsOf({ figures, histories, ratios, memory }: EngineResult): ReportTable[] {
  return [
    {
      title: 'What we want to know',
      head: ['in turns, round by round', 'wanted', 'measured'],
      rows: ratios.map(({ name, target, ratio }) => [name, target, spread(ratio)]),
    },
    ...groupsOf(figures).flatMap((rows) => [timesSection(rows), usageSection(rows)]),
    {
      title: 'The history of an order’s own workflow, placed one after another',
      head: ['', 'events', 'bytes'],
      rows: histories.map(({ subject, events, bytes }) => [subject, spread(events), spread(bytes)]),
    },
    {
      title: 'Resident memory of each worker, over the whole run',
      head: ['', 'at the start', 'at most', 'at the end', 'second half / first half'],
      rows: Object.entries(memory).map(([name, use]) =>
        use === undefined
          ? [name, ...Array.from({ length: 4 }, () => UNKNOWN)]
          : [name, megabytes(use.start), megabytes(use.peak), megabytes(use.end), figure(use.growth)],
      ),
    },
  ].filter(({ rows }) => rows.length > 0);
}

const UNKNOWN = '–';

const TITLES: Readonly<Record<Part, string>> = {
  closed: 'Customers who place the next order when one is done',
  open: 'Customers at a fixed rate',
  hot: 'Fifty customers at a time, on one SKU and on fifty',
  growth: 'Ten times the orders, fifty customers at a time',
  workers: 'A second worker process of each service, fifty customers at a time',
};

function groupsOf(figures: readonly Figures[]): Figures[][] {
  const keys = [...new Set(figures.map(keyOf))];
  return keys.map((key) => figures.filter((each) => keyOf(each) === key));
}

/** What is compared with one another stands in one table: a load's subjects, or a part that has few. */
function keyOf({ part, setting }: Figures): string {
  return part === 'closed' || part === 'open' ? `${TITLES[part]}: ${setting}` : TITLES[part];
}

function nameOf({ part, subject, setting }: Figures): string {
  return part === 'closed' || part === 'open' ? subject : `${subject}, ${setting}`;
}

function timesSection(rows: readonly Figures[]): ReportTable {
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

function usageSection(rows: readonly Figures[]): ReportTable {
  return {
    title: `${keyOf(rows[0] as Figures)}; each order`,
    head: [
      ...['', 'database writes', 'reads', 'workers’ requests to Temporal', 'inventory activities'],
      ...['processor ms: workers', 'servers'],
    ],
    rows: rows.map((row) => {
      const { writes, reads, requests, inventoryActivities, workerSeconds, serverSeconds } = row.usage;
      return [
        ...[nameOf(row), figure(writes), figure(reads), figure(requests), figure(inventoryActivities)],
        ...[milliseconds(workerSeconds), milliseconds(serverSeconds)],
      ];
    }),
  };
}

function latency(of: Latency | undefined): string[] {
  if (of === undefined) return [UNKNOWN, UNKNOWN, UNKNOWN];
  return [spread(of.p50), figure(of.p95.median), figure(of.p99.median)];
}

function milliseconds(seconds: number | undefined): string {
  return seconds === undefined ? UNKNOWN : figure(seconds * 1_000);
}

function spread({ median, lowest, highest }: Spread): string {
  return lowest === highest ? figure(median) : `${figure(median)} (${figure(lowest)}–${figure(highest)})`;
}

/** Three digits say what such a measurement can say. */
function figure(value: number): string {
  if (Number.isInteger(value) || value >= 100) return String(Math.round(value));
  return value.toFixed(value < 10 ? 2 : 1);
}
