import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Concord } from '../../client/concord.ts';
import { strategies } from '../../domain/strategies.ts';
import { checkAnnouncements } from '../measure/announcement-checker.ts';
import { checkAtRest, problem } from '../measure/checker.ts';
import { wholeNumber } from '../measure/options.ts';
import { optionsOrExit, type Program, runProgram } from '../measure/program.ts';
import { readState } from '../measure/state.ts';
import { groupsOf } from '../measure/statistics.ts';
import { setChaosStage } from './chaos-stage.ts';
import { planFaults } from './fault-plan.ts';
import { MIXED, planLoad, type StrategyChoice } from './load-plan.ts';
import { composeReport, type RunReport, renderReport } from './run-report.ts';
import { weatherStorm } from './storm.ts';
import { writeStories } from './story.ts';

interface Flags {
  readonly orders: number;
  readonly seed: string;
  readonly strategy: StrategyChoice;
  readonly minutes?: number;
  readonly report?: string;
}

const RATES = { answerLost: 0.06, lateTry: 0.03, lateCopy: 0.06, heldUp: 0.06 } as const;
/** So many that a fault meets a few orders in flight. */
const ORDERS_A_MINUTE = 100;
const DURATION = `how long they come in and faults hit (default: one for each ${ORDERS_A_MINUTE} orders)`;

const flags = optionsOrExit<Flags>(
  new Command('npm run chaos --')
    .description(
      'Places orders while servers, workers and the network fail, and then checks that nothing was lost or promised in vain.',
    )
    .option('--orders <number>', 'how many orders', wholeNumber(1), 500)
    .option('--seed <text>', 'the same seed makes the same orders and the same faults', `${randomInt(1e6)}`)
    .option('--minutes <number>', DURATION, minutesIn)
    .addOption(
      new Option('--strategy <name>', 'how orders are kept consistent; mixed: by lot, each of them')
        .choices([...strategies, MIXED])
        .default(MIXED),
    )
    .option('--report <file>', 'write the report there as JSON, too'),
);

await runProgram(async (program) => {
  const report = await performRun(program);
  if (flags.report !== undefined) await writeFile(flags.report, `${JSON.stringify(report, null, 2)}\n`);
  console.log(renderReport(report));
  return report.verdict === 'passed' ? 0 : 1;
});

function minutesIn(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 24 * 60) return value;
  throw new InvalidArgumentError('Use a number of minutes above 0.');
}

async function performRun(program: Program): Promise<RunReport> {
  const { seed, strategy, orders } = flags;
  const minutes = flags.minutes ?? Math.max(0.5, orders / ORDERS_A_MINUTE);
  const duration = minutes * 60_000;
  const load = planLoad({ seed, orders, duration, strategy });
  const faults = planFaults({ seed, duration, bursts: load.bursts });
  const planned = `${orders} orders (${strategy}) and ${faults.length} faults in ${minutes} minutes`;
  program.report.note(`Seed ${seed}: ${planned}`);

  // The checker reads from the servers straight, and customers go through a link.
  const stage = await setChaosStage(program, { seed, rates: RATES });
  const concord = await Concord.connect({ connection: { address: stage.links['clients-temporal'].address } });
  const seen = await weatherStorm({ ...program, stage, concord, load, faults });

  const state = await readState(stage);
  const found = [
    ...seen.violations,
    ...checkAtRest(state, seen.answers.told),
    ...checkAnnouncements(state),
    ...seen.answers.wrong.flatMap(({ subject, message }) =>
      problem('answer-kept', subject, `a customer was told: ${message}`),
    ),
  ];
  // The same may have been seen before.
  const alike = groupsOf(found, ({ invariant, subject }) => `${invariant} ${subject}`);
  const violations = alike.map(([first]) => first);
  const stories = await writeStories(violations, { stage, state, seen });
  const asked = { planned: { orders, minutes, strategy }, seed };
  return composeReport({ ...asked, load, state, seen, violations, stories });
}
