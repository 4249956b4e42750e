import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { tableOf, verdictOf } from '../measure/text.ts';
import { userTemporal } from '../measure/user-temporal.ts';
import { createReport } from '../servers/report.ts';
import { optionsOrExit } from '../start/command-line.ts';
import { setEngineStage } from './engine/engine-stage.ts';
import { measureEngine } from './engine/measure.ts';
import { renderEnginePage } from './engine/page.ts';
import { type EngineResult, type Part, parts } from './engine/result.ts';
import { sectionsOf } from './engine/sections.ts';
import { type Subject, subjects } from './engine/subjects.ts';
import { wholeNumberFrom } from './options.ts';
import { endingAll } from './tool.ts';

interface Flags {
  readonly orders: number;
  readonly rounds: number;
  readonly subjects: readonly Subject[];
  readonly parts: readonly Part[];
  readonly atOnce: readonly number[];
  readonly rates: readonly number[];
  readonly distant: boolean;
  readonly json?: string;
  readonly html?: string;
  readonly profile?: string;
}

const DESCRIPTION = `Measures Concord's strategies against the floor (the same workflow with nothing in it) and against a plain
sequential saga with the same writes, in turns. Everything is a ratio of things measured in the same run.
Servers are started for it, unless TEMPORAL_ADDRESS and MONGODB_URI name some. Its namespace and databases there are its own,
and removed at the end. The workers' own settings (MAXIMUM_ACTIVITIES …) hold here, too.`;

const flags = optionsOrExit<Flags>(
  new Command('npm run bench --')
    .description(DESCRIPTION)
    .option('--orders <number>', 'orders of each measurement', wholeNumberFrom(1), 100)
    .option('--rounds <number>', 'how often all is measured', wholeNumberFrom(1), 3)
    .option('--subjects <names>', `what is measured: ${subjects.join(', ')}`, oneOf(subjects), [...subjects])
    .option('--parts <names>', `which measurements: ${parts.join(', ')}`, oneOf(parts), [...parts])
    .option('--at-once <numbers>', 'customers at a time, from low load to saturation', numbers, [1, 10, 50])
    .option('--rates <numbers>', 'orders a second, of customers at a fixed rate', numbers, [5])
    .option('--distant', 'Temporal takes 50 ms for each step, as where it is far away', false)
    .option('--json <file>', 'write the result there as JSON, too', writable)
    .option('--html <file>', 'write a report with plots there, too', writable)
    .option('--profile <directory>', 'write a processor profile of each thread of each worker there'),
);

await endingAll(async (_, cleanUp) => {
  const { json, html, profile, distant, ...options } = flags;
  const report = createReport();
  const temporal = await userTemporal({});
  if (distant && temporal !== undefined) {
    console.error(`--distant: only for a server that is started for it; unset ${temporal.source}.`);
    return 2;
  }
  if (profile !== undefined) await mkdir(profile, { recursive: true });
  const stage = await setEngineStage({
    ...{ report, cleanUp, distant },
    ...(profile === undefined ? {} : { profile }),
    ...(temporal === undefined ? {} : { temporal }),
  });
  const result = await measureEngine(stage, options, report.note);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
  if (html !== undefined) await writeFile(html, await renderEnginePage(result));
  console.log(render(result));
  return result.problems.length === 0 ? 0 : 1;
});

function render(result: EngineResult): string {
  const { machine, servers, problems } = result;
  return [
    ...sectionsOf(result).map(({ title, head, rows }) => `${title}\n${tableOf(head, rows)}\n`),
    `${machine} for everything; Temporal: ${servers.temporal}; MongoDB: ${servers.mongodb}`,
    verdictOf(problems),
  ].join('\n');
}

function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name[] {
  return (text) =>
    text.split(',').map((name) => {
      const found = names.find((each) => each === name);
      if (found !== undefined) return found;
      throw new InvalidArgumentError(`use some of ${names.join(', ')}, with commas between.`);
    });
}

/** Better now than after ten minutes. */
function writable(file: string): string {
  if (existsSync(path.dirname(file))) return file;
  throw new InvalidArgumentError('name a file in a directory that exists.');
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (Number.isFinite(value) && value > 0) return value;
    throw new InvalidArgumentError('use numbers above 0, with commas between.');
  });
}
