import { readFile } from 'node:fs/promises';
import type { Section } from '../measure/table.ts';
import { type Chart, chartsOf } from './charts.ts';
import type { Comparison } from './comparison.ts';
import { sectionsOf, verdictOf } from './sections.ts';

/** The report as one HTML document that loads nothing: Chart.js, the figures and all samples are in it. */
export async function renderPage(comparison: Comparison): Promise<string> {
  const { at, machine, servers, options, violations } = comparison;
  const { orders, rounds, faultSeconds } = options;
  const charts = chartsOf(comparison);
  const library = await textOf('chart.umd.min.js', import.meta.resolve('chart.js'));
  const facts = [
    `${at.slice(0, 16).replace('T', ' ')} UTC, on ${machine}; Temporal: ${servers.temporal}; MongoDB: ${servers.mongodb}.`,
    `Figures are medians of ${rounds} rounds of up to ${orders} orders, the strategies taking turns, with the lowest and the highest round in parentheses; services were down for ${faultSeconds} s.`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>Concord: three strategies compared</title>
<style>
${await textOf('page.css')}</style>
</head>
<body>
<h1>Three strategies, one order</h1>
${facts.map((fact) => `<p class="facts">${escaped(fact)}</p>`).join('\n')}
<p class="verdict${violations.length === 0 ? '' : ' violated'}">${escaped(verdictOf(comparison))}</p>
${groupHtml('performance', 'Performance', charts)}
${groupHtml('cost', 'Cost', charts)}
${groupHtml('faults', 'Under faults', charts)}
<h2>All figures</h2>
${sectionsOf(comparison).map(tableHtml).join('\n')}
<script type="application/json" id="comparison">${asScript(comparison)}</script>
<script type="application/json" id="charts">${asScript(charts.map(({ config }) => config))}</script>
<script>
${library.replace(/^\/\/# sourceMappingURL=.*$/m, '')}</script>
<script>
${await textOf('page.browser.js')}</script>
</body>
</html>
`;
}

function groupHtml(wanted: Chart['group'], heading: string, charts: readonly Chart[]): string {
  const figures = charts.flatMap(({ group, title, caption }, index) => {
    if (group !== wanted) return [];
    return `<figure>
<h3>${escaped(title)}</h3>
<figcaption>${escaped(caption)}</figcaption>
<div class="canvas"><canvas id="chart-${index}" role="img" aria-label="${escaped(title)}; its figures are in the tables below"></canvas></div>
</figure>`;
  });
  if (figures.length === 0) return '';
  return `<h2>${heading}</h2>\n<div class="charts ${wanted}">\n${figures.join('\n')}\n</div>`;
}

function tableHtml({ title, head, rows }: Section): string {
  if (rows.length === 0) return `<p>${escaped(title)}</p>`;
  const heads = head.slice(1).map((column) => `<th scope="col">${escaped(column)}</th>`);
  const body = rows.map(([name = '', ...cells]) => {
    const values = cells.map((cell) => `<td>${escaped(cell)}</td>`);
    return `<tr><th scope="row">${escaped(name)}</th>${values.join('')}</tr>`;
  });
  return `<table>
<caption>${escaped(title)}</caption>
<thead><tr><td></td>${heads.join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>`;
}

const textOf = (file: string, base = import.meta.url) => readFile(new URL(file, base), 'utf8');

// No text in it can end the script.
const asScript = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c');

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
