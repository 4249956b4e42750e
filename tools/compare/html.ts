import { readFile } from 'node:fs/promises';

/** A chart of a report: `config` is what Chart.js takes, as plain JSON, with what `page.browser.js` adds to it. */
export interface ReportChart {
  readonly title: string;
  /** How to read it. */
  readonly caption: string;
  /** Under which of the report's headings it stands. */
  readonly group: string;
  readonly config: object;
}

/** A table; one without rows is only what its title says. */
export interface ReportTable {
  readonly title: string;
  /** Of the columns, the first one included. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a report shows. */
export interface ReportPage {
  readonly title: string;
  readonly heading: string;
  readonly facts: readonly string[];
  readonly verdict: { readonly text: string; readonly isClean: boolean };
  readonly groups: readonly { readonly group: string; readonly heading: string }[];
  readonly charts: readonly ReportChart[];
  readonly tables: readonly ReportTable[];
  /** All figures, for whoever wants to work with them: the name of the element, and what is in it. */
  readonly data: { readonly id: string; readonly value: unknown };
}

/** The report as one HTML document that loads nothing: Chart.js and the figures are in it. */
export async function renderReport(page: ReportPage): Promise<string> {
  const { title, heading, facts, verdict, groups, charts, tables, data } = page;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>
${await textOf(new URL('page.css', import.meta.url))}</style>
</head>
<body>
<h1>${escaped(heading)}</h1>
${facts.map((fact) => `<p class="facts">${escaped(fact)}</p>`).join('\n')}
<p class="verdict${verdict.isClean ? '' : ' violated'}">${escaped(verdict.text)}</p>
${groups.map((group) => groupHtml(group, charts)).join('\n')}
<h2>All figures</h2>
${tables.map(tableHtml).join('\n')}
<script type="application/json" id="${data.id}">${asScript(data.value)}</script>
<script type="application/json" id="charts">${asScript(charts.map(({ config }) => config))}</script>
<script>
${await chartLibrary()}</script>
<script>
${await textOf(new URL('page.browser.js', import.meta.url))}</script>
</body>
</html>
`;
}

function groupHtml({ group, heading }: ReportPage['groups'][number], charts: readonly ReportChart[]): string {
  const figures = charts.flatMap((chart, index) => (chart.group === group ? [figureHtml(chart, index)] : []));
  if (figures.length === 0) return '';
  return `<h2>${heading}</h2>\n<div class="charts ${group}">\n${figures.join('\n')}\n</div>`;
}

function figureHtml({ title, caption }: ReportChart, index: number): string {
  return `<figure>
<h3>${escaped(title)}</h3>
<figcaption>${escaped(caption)}</figcaption>
<div class="canvas"><canvas id="chart-${index}" role="img" aria-label="${escaped(title)}; its figures are in the tables below"></canvas></div>
</figure>`;
}

function tableHtml({ title, head, rows }: ReportTable): string {
  if (rows.length === 0) return `<p>${escaped(title)}</p>`;
  const [corner = '', ...columns] = head;
  const heads = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join('');
  const body = rows.map(([name = '', ...cells]) => {
    const values = cells.map((cell) => `<td>${escaped(cell)}</td>`).join('');
    return `<tr><th scope="row">${escaped(name)}</th>${values}</tr>`;
  });
  return `<table>
<caption>${escaped(title)}</caption>
<thead><tr><td>${escaped(corner)}</td>${heads}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>`;
}

/** The library as it comes with its package, without the reference to a file that the report does not have. */
async function chartLibrary(): Promise<string> {
  const source = await textOf(new URL('chart.umd.min.js', import.meta.resolve('chart.js')));
  return source.replace(/^\/\/# sourceMappingURL=.*$/m, '');
}

/** JSON that no text in it can end the script of. */
function asScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

function textOf(file: URL): Promise<string> {
  return readFile(file, 'utf8');
}
