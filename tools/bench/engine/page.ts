import { barsOf } from '../../compare/chart-kinds.ts';
import { type ReportChart, renderReport } from '../../compare/html.ts';
import type { Spread } from '../../compare/result.ts';
import { verdictOf } from '../../measure/text.ts';
import type { EngineResult, Figures } from './result.ts';
import { sectionsOf } from './sections.ts';
import type { Subject } from './subjects.ts';

/** The report as one HTML document that loads nothing. */
export function renderEnginePage(result: EngineResult): Promise<string> {
  const { at, machine, servers, options, problems } = result;
  return renderReport({
    title: 'Concord: against the floor and a sequential saga',
    heading: 'How fast, and what it takes',
    facts: [
      `${at.slice(0, 16).replace('T', ' ')} UTC, on ${machine} for everything; Temporal: ${servers.temporal}; MongoDB: ${servers.mongodb}.`,
      `Figures are medians of ${options.rounds} rounds of up to ${options.orders} orders, in turns, with the lowest and the highest round in parentheses.`,
    ],
    verdict: { text: verdictOf(problems), isClean: problems.length === 0 },
    groups: [
      { group: 'performance', heading: 'Performance' },
      { group: 'cost', heading: 'What an order takes' },
    ],
    charts: chartsOf(result),
    tables: sectionsOf(result),
    data: { id: 'result', value: result },
  });
}

/** A chart has a bar for each subject over each setting. */
export function chartsOf({ figures, histories }: EngineResult): ReportChart[] {
  const closed = figures.filter(({ part }) => part === 'closed');
  const open = figures.filter(({ part }) => part === 'open');
  const exactly = (value: number | undefined): Spread | undefined =>
    value === undefined ? undefined : { median: value, lowest: value, highest: value };
  const charts: (ReportChart & { readonly isEmpty: boolean })[] = [
    chart(closed, 'performance', 'Orders a second', 'More is better.', ({ throughput }) => throughput),
    chart(closed, 'performance', 'Until final, p50, ms', LESS, ({ final }) => final.p50),
    chart(closed, 'performance', 'Until the decision, p50, ms', LESS, ({ decided }) => decided?.p50),
    chart(open, 'performance', 'Until final, p99, ms, at a fixed rate', LESS, ({ final }) => final.p99),
    chart(closed, 'cost', 'Processor ms of the workers', LESS, ({ usage: { workerSeconds } }) =>
      exactly(workerSeconds && workerSeconds * 1_000),
    ),
    chart(closed, 'cost', 'Processor ms of the servers', LESS, ({ usage: { serverSeconds } }) =>
      exactly(serverSeconds && serverSeconds * 1_000),
    ),
    chart(closed, 'cost', 'Database writes', LESS, ({ usage }) => exactly(usage.writes)),
    {
      ...{ title: 'History events', caption: LESS, group: 'cost', isEmpty: histories.length === 0 },
      config: barsOf(
        ['one after another'],
        histories.map(({ subject, events }) => ({ ...styleOf(subject), bars: [events] })),
        'History events',
      ),
    },
  ];
  return charts.filter(({ isEmpty }) => !isEmpty).map(({ isEmpty: _, ...rest }) => rest);
}

const LESS = 'Less is better.';

function chart(
  figures: readonly Figures[],
  group: string,
  title: string,
  caption: string,
  of: (figures: Figures) => Spread | undefined,
): ReportChart & { readonly isEmpty: boolean } {
  const shown = figures.filter((each) => of(each) !== undefined);
  const settings = [...new Set(shown.map(({ setting }) => setting))];
  const subjects = [...new Set(shown.map(({ subject }) => subject))];
  const barsFor = (subject: Subject) =>
    settings.map((setting) => {
      const found = shown.find((each) => each.subject === subject && each.setting === setting);
      return found && of(found);
    });
  const series = subjects.map((subject) => ({ ...styleOf(subject), bars: barsFor(subject) }));
  return { title, caption, group, config: barsOf(settings, series, title), isEmpty: shown.length === 0 };
}

const COLOURS: Readonly<Record<Subject, string>> = {
  floor: '#9aa3b2',
  'sequential-saga': '#c0392b',
  'two-phase': '#2f6fde',
  'message-queue': '#e08a00',
  'event-driven': '#1f9d74',
};

function styleOf(subject: Subject): { readonly name: string; readonly colour: string } {
  return { name: subject, colour: COLOURS[subject] };
}
