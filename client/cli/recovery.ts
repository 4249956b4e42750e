import { type Command, InvalidArgumentError, Option } from 'commander';
import type { StuckStep } from '../../activities/oversight/stuck-steps.ts';
import { type FinalStatus, finalStatuses } from '../../domain/order.ts';
import { parseResolveRequest } from '../../domain/resolution.ts';
import type { StuckOptions } from '../stuck.ts';
import { coloured, localTime, reasonCells } from './order-text.ts';
import { checkOrderId, wholeNumber } from './orders.ts';
import { type Output, safe, table } from './output.ts';
import type { Session } from './session.ts';

/** `stuck` */
export function describeStuck(program: Command, session: Session): void {
  program
    .command('stuck')
    .description('list the orders that do not get on, and why')
    .option('--failures <number>', 'a step has failed more often than this (default: 5)', wholeNumber)
    .option('--longer-than <seconds>', 'or does not get on for longer than this (default: 60)', seconds)
    .addHelpText(
      'after',
      `
Exits 0, whatever it finds. On a pipe, a line for each step: order id, problem, step, how often it
was tried, since when, when it is tried next, the last error. The problems, and what to do:
  retrying  a step fails, and is retried for ever: repair its service, then \`concord retry ID\`
  waiting   nobody takes it: start a worker of the service
  broken    its workflow code fails: deploy code that its history fits; or terminate it, and \`concord resolve ID\`
  stopped   its workflow failed or was terminated: \`concord resolve ID\`

Example:
  $ concord stuck --longer-than 300
`,
    )
    .action(async (flags: { failures?: number; longerThan?: number }) => {
      const options: StuckOptions = {
        ...(flags.failures === undefined ? {} : { failures: flags.failures }),
        ...(flags.longerThan === undefined ? {} : { longerThan: flags.longerThan }),
      };
      const { output } = session;
      const { concord } = await session.connect();
      const steps = await output.during('looking at every order that runs', concord.stuck(options));
      await output.print({
        document: steps,
        rows: steps.map(({ orderId, problem, step, attempts, since, nextAttemptAt, lastError }) =>
          // A cell that is empty stays one, so that the others keep their places.
          [orderId, problem, step, attempts, since, nextAttemptAt ?? '', lastError],
        ),
        terminal: () => (steps.length === 0 ? 'nothing is stuck' : stuckTable(steps, output)),
      });
    });
}

/** `retry ID` */
export function describeRetry(program: Command, session: Session): void {
  program
    .command('retry')
    .description('try the failing steps of an order now, instead of at the next attempt')
    .argument('<id>', 'the order id')
    .addHelpText(
      'after',
      `
Exits 0 where a step is tried now, and 1 where there is none. On a pipe, a line for each step: order id, step.

Example:
  $ concord retry 4711
`,
    )
    .action(async (id: string) => {
      checkOrderId(id);
      const { output } = session;
      const { concord } = await session.connect();
      const retried = await output.during(`looking for order ${id}`, concord.retry(id));
      await output.print({
        document: retried,
        rows: retried.steps.map((step) => [id, step]),
        terminal: () => `order ${output.colors.bold(safe(id))}: ${safe(retried.steps.join(', '))} tried now`,
      });
    });
}

/** `resolve ID` */
export function describeResolve(program: Command, session: Session): void {
  program
    .command('resolve')
    .description('settle an order whose workflow can no longer go on')
    .argument('<id>', 'the order id')
    .addOption(new Option('--as <status>', 'how it ends').choices(finalStatuses).makeOptionMandatory())
    .option('--reason <text>', 'why, in at most 200 characters')
    .addHelpText(
      'after',
      `
For an order whose workflow has failed or was terminated, or is gone while its record is pending. Refused where it would
contradict what is durable: confirmed needs every service prepared, the others need none to have committed; what the
workflow had decided stands. Exits 0 when every service has recorded it.

Example:
  $ concord resolve 4711 --as cancelled --reason "customer called"
`,
    )
    .action(async (id: string, { as, reason }: { as: FinalStatus; reason?: string }) => {
      checkOrderId(id);
      const request = { as, ...(reason === undefined ? {} : { reason }) };
      parseResolveRequest(request);
      session.subject = { orderId: id };
      const { output } = session;
      const { concord } = await session.connect();
      const outcome = await output.during(`resolving order ${id}`, concord.resolve(id, request));
      await output.print({
        document: outcome,
        rows: [[id, outcome.status, ...reasonCells(outcome.reason)]],
        terminal: () => `order ${output.colors.bold(safe(id))} ${coloured(outcome.status, output.colors)}`,
      });
    });
}

function stuckTable(steps: readonly StuckStep[], { colors }: Output): Promise<string> {
  const rows = steps.map(({ orderId, problem, step, attempts, since, nextAttemptAt, lastError }) => [
    safe(orderId),
    colors.yellow(problem),
    safe(step),
    attempts,
    localTime(since),
    nextAttemptAt === undefined ? '' : localTime(nextAttemptAt),
    safe(lastError),
  ]);
  return table(['order', 'problem', 'step', 'tried', 'since', 'next try', 'last error'], rows, colors);
}

/** A commander parser for seconds; milliseconds. */
function seconds(text: string): number {
  const milliseconds = Math.round(Number(text) * 1_000);
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return milliseconds;
  throw new InvalidArgumentError('Use a number of seconds.');
}
