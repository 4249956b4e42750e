import { chartsOf } from './charts.ts';
import { renderReport } from './html.ts';
import type { Comparison } from './result.ts';
import { columns, sectionsOf, verdictOf } from './sections.ts';

/** The report as one HTML document that loads nothing: Chart.js, the figures and all samples are in it. */
export function renderPage(comparison: Comparison): Promise<string> {
  const { at, machine, servers, options, violations } = comparison;
  const { orders, rounds, faultSeconds } = options;
  return renderReport({
    title: 'Concord: three strategies compared',
    heading: 'Three strategies, one order',
    facts: [
      `${at.slice(0, 16).replace('T', ' ')} UTC, on ${machine}; Temporal: ${servers.temporal}; MongoDB: ${servers.mongodb}.`,
      `Figures are medians of ${rounds} rounds of up to ${orders} orders, the strategies taking turns, with the lowest and the highest round in parentheses; services were down for ${faultSeconds} s.`,
    ],
    verdict: { text: verdictOf(comparison), isClean: violations.length === 0 },
    groups,
    charts: chartsOf(comparison),
    tables: sectionsOf(comparison).map((section) => ({ ...section, head: ['', ...columns] })),
    data: { id: 'comparison', value: comparison },
  });
}

const groups = [
  { group: 'performance', heading: 'Performance' },
  { group: 'cost', heading: 'Cost' },
  { group: 'faults', heading: 'Under faults' },
] as const;
