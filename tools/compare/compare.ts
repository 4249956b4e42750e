import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { GlobalOptions } from '../../client/cli/shared/target.ts';
import { invalidInput } from '../../domain/validation.ts';
import { checkWritable, wholeNumber } from '../measure/options.ts';
import { optionsOrExit, runProgram } from '../measure/program.ts';
import { placeOf, sectionText } from '../measure/table.ts';
import { userTemporal } from '../measure/user-temporal.ts';
import { createReport, silentReport } from '../servers/report.ts';
import { type Comparison, compareStrategies } from './comparison.ts';
import { renderPage } from './page.ts';
import { type CompareOptions, faults, type Part, parts } from './parts.ts';
import { sectionsOf, verdictOf } from './sections.ts';

interface Flags extends Omit<CompareOptions, 'parts'>, GlobalOptions {
  readonly only?: readonly Part[];
  readonly html?: string;
  readonly json?: true;
}

const MOST = 100_000;
const NAMES = faults.join(', ');

const { json, html, ...flags } = optionsOrExit<Flags>(
  new Command('npm run compare --')
    .description('Measures the three strategies side by side, also under faults.')
    .option('--orders <number>', 'orders of each measurement at saturation', wholeNumber(10, MOST), 100)
    .option('--rounds <number>', 'how often each measurement is repeated', wholeNumber(1, MOST), 3)
    .option('--fault-seconds <number>', 'how long a service stays down', wholeNumber(1, MOST), 30)
    .option('--only <parts>', `performance, faults, or single ones: ${NAMES} (default: all)`, partsIn)
    .option('--html <file>', 'write a report with plots there, too')
    .option('--json', 'print all figures and samples as JSON (with npm: npm run -s compare -- --json)')
    .option('--address <host:port>', 'the Temporal server (default: TEMPORAL_ADDRESS, else its own)')
    .option('--profile <name>', 'a profile of the Temporal configuration file')
    .addOption(new Option('--namespace <name>').hideHelp())
    .addHelpText(
      'after',
      `
Takes about a quarter of an hour. It starts its own servers; TEMPORAL_ADDRESS (or --address) and MONGODB_URI name yours instead.
There it uses a Temporal namespace and databases of its own, which it removes at the end; it must be allowed to register
that namespace, and leaves out the fault that would restart your Temporal.

Exits 1 where an order was not kept consistent. On a pipe, a line for each figure: its table, its name, and its value for
two-phase, message-queue and event-driven.

Examples:
  $ npm run compare -- --html report.html
  $ npm run compare -- --only performance --orders 50 --rounds 1
  $ npm run -s compare -- --only faults --fault-seconds 10 --json > faults.json
`,
    ),
);

await runProgram(
  async (program) => {
    const { only = parts, namespace, orders, rounds, faultSeconds, ...server } = flags;
    if (namespace !== undefined)
      throw invalidInput('--namespace', 'leave it out: a comparison uses a namespace of its own');
    checkWritable('--html', html);
    const options = { orders, rounds, faultSeconds, parts: only };
    const comparison = await compareStrategies(options, { ...program, temporal: await userTemporal(server) });
    const texts = process.stdout.isTTY ? tables : lines;
    console.log(json ? JSON.stringify(comparison) : texts(comparison));
    if (html !== undefined) {
      await writeFile(html, await renderPage(comparison));
      program.report.note(`the report with plots is in ${html}`);
    }
    return comparison.violations.length === 0 ? 0 : 1;
  },
  json ? silentReport : createReport(),
);

function partsIn(text: string): Part[] {
  return text.split(',').flatMap((name) => {
    const found = name === 'faults' ? faults : parts.filter((part) => part === name);
    if (found.length > 0) return [...found];
    throw new InvalidArgumentError(`Use performance, faults, or one of ${NAMES}; more with commas between.`);
  });
}

function tables(comparison: Comparison): string {
  return [...sectionsOf(comparison).map(sectionText), placeOf(comparison), verdictOf(comparison)].join(
    '\n\n',
  );
}

function lines(comparison: Comparison): string {
  const rows = sectionsOf(comparison).flatMap(({ title, rows }) =>
    rows.length > 0 ? rows.map((row) => [title, ...row].join('\t')) : title,
  );
  return [...rows, verdictOf(comparison)].join('\n');
}
