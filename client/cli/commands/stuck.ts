import type { Command } from 'commander';
import type { StuckStep } from '../../../domain/stuck-step.ts';
import type { StuckOptions } from '../../concord.ts';
import { seconds, wholeNumber } from '../shared/arguments.ts';
import { type ItemFormat, safe } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';
import { localTime } from '../shared/terminal-text.ts';

export function stuck(command: Command, session: Session): void {
  const longer = 'or has been waiting or retried for longer than this (default: 60)';
  command
    .description('list the steps of orders that are stuck, and why')
    .option('--failures <number>', 'a step has failed more often than this (default: 5)', wholeNumber)
    .option('--longer-than <seconds>', longer, seconds('Use a number of seconds.'))
    .addHelpText('after', HELP)
    .action(async (limits: StuckOptions) => {
      const steps = await session.ask('looking at every order that runs', (concord) => concord.stuck(limits));
      await session.output.printItems(steps, STEPS);
    });
}

const HELP = `
Exits 0, whatever it finds. On a pipe, a line for each step: order id, problem, step, how often it
was tried, since when, when it is tried next, the last error. The problems, and what to do:
  retrying  a step fails, and is retried for ever: repair its service, then \`concord retry ID\`
  waiting   nobody takes it, or the inventory has not answered: start a worker of the service
  broken    its workflow code fails: deploy code that its history fits; or terminate it, and \`concord resolve ID\`
  stopped   its workflow failed or was terminated: \`concord resolve ID\`
  skipped   its record, stock or workflow makes no sense: repair what the error names

Example:
  $ concord stuck --longer-than 300
`;

const STEPS: ItemFormat<StuckStep> = {
  // A cell that is empty stays one, so that the others keep their places.
  row: (stuck) => {
    const { orderId, problem, step, attempts, since, nextAttemptAt = '', lastError } = stuck;
    return [orderId, problem, step, attempts, since, nextAttemptAt, lastError];
  },
  heads: ['order', 'problem', 'step', 'tried', 'since', 'next try', 'last error'],
  cells: ({ orderId, problem, step, attempts, since, nextAttemptAt, lastError }, colors) => [
    safe(orderId),
    colors.yellow(problem),
    safe(step),
    attempts,
    localTime(since),
    nextAttemptAt === undefined ? '' : localTime(nextAttemptAt),
    safe(lastError),
  ],
  none: 'nothing is stuck',
};
