import { type Command, Option } from 'commander';
import { finalStatuses } from '../../../domain/order-status.ts';
import type { ResolveFlags, StuckFlags } from '../recovery.ts';
import type { Session } from '../shared/session.ts';
import { seconds, wholeNumber } from './numbers.ts';

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
    .action(async (flags: StuckFlags) => (await import('../recovery.ts')).listStuck(flags, session));
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
    .action(async (id: string) => (await import('../recovery.ts')).retryOrder(id, session));
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
    .action(async (id: string, flags: ResolveFlags) =>
      (await import('../recovery.ts')).resolveOrder(id, flags, session),
    );
}
