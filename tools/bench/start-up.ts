import { Command } from 'commander';
import { spreadOf } from '../compare/statistics.ts';
import { tableOf } from '../measure/text.ts';
import { optionsOrExit } from '../start/command-line.ts';
import { measureStart, type StartResult } from './measure-start.ts';
import { wholeNumberFrom } from './options.ts';
import { endingAll } from './tool.ts';

const { runs } = optionsOrExit<{ runs: number }>(
  new Command('npm run bench:start --')
    .description('Measures how long a worker takes to start, as `npm run build` makes it and from source.')
    .option('--runs <number>', 'how often each is started', wholeNumberFrom(1), 10),
);

await endingAll(async (report, cleanUp) => {
  console.log(render(await measureStart(runs, report, cleanUp)));
  return 0;
});

function render({ machine, times }: StartResult): string {
  const rows = Object.entries(times).map(([variant, { started, polling }]) => [
    variant,
    cellOf(started),
    cellOf(polling),
  ]);
  return [
    tableOf(['orders worker, ms: median (lowest to highest)', 'says it has started', 'polls'], rows),
    machine,
  ].join('\n');
}

function cellOf(times: readonly number[]): string {
  const { median, lowest, highest } = spreadOf(times);
  return `${Math.round(median)} (${Math.round(lowest)} to ${Math.round(highest)})`;
}
