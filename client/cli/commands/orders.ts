import { type Command, Option } from 'commander';
import { orderStatuses } from '../../../domain/order-status.ts';
import { strategies } from '../../../domain/strategies.ts';
import type { CancelFlags, ListFlags } from '../orders.ts';
import type { Session } from '../shared/session.ts';
import { wholeNumber } from './numbers.ts';

/** `status ID` */
export function describeStatus(program: Command, session: Session): void {
  program
    .command('status')
    .description('show where an order stands')
    .argument('<id>', 'the order id')
    .addHelpText(
      'after',
      `
Exits 0 for every order that is known, whatever its status. On a pipe each line is a name, a tab and a value.

Example:
  $ concord status 4711
`,
    )
    .action(async (id: string) => (await import('../orders.ts')).showStatus(id, session));
}

/** `watch ID` */
export function describeWatch(program: Command, session: Session): void {
  program
    .command('watch')
    .description('follow an order until it is final')
    .argument('<id>', 'the order id')
    .addHelpText(
      'after',
      `
Exits 0 if the order is confirmed and 1 if it ended otherwise. Ctrl-C stops watching (130), and the order goes on.
On a pipe, a line for each change: time, status, phase, strategy, what each service has done, reason or what is retried.

Example:
  $ concord watch 4711
`,
    )
    .action(async (id: string) => (await import('../orders.ts')).watchOrder(id, session));
}

/** `cancel ID` */
export function describeCancel(program: Command, session: Session): void {
  program
    .command('cancel')
    .description('cancel an order that is not decided yet')
    .argument('<id>', 'the order id')
    .option('--reason <text>', 'why, in at most 200 characters', 'cancelled by the customer')
    .addHelpText(
      'after',
      `
Exits 0 when the order is cancelled, also where it was before, and 1 when it is too late. While the order service is
down, the cancellation is recorded and decided later: then the status is "requested", and the exit code is 0 as well.

Example:
  $ concord cancel 4711 --reason "ordered twice"
`,
    )
    .action(async (id: string, flags: CancelFlags) =>
      (await import('../orders.ts')).cancelOrder(id, flags, session),
    );
}

/** `list` */
export function describeList(program: Command, session: Session): void {
  program
    .command('list')
    .description('list orders, the newest first')
    .addOption(new Option('--status <status>', 'only orders of this status').choices(orderStatuses))
    .option('--customer <id>', 'only orders of this customer')
    .addOption(new Option('--strategy <name>', 'only orders of this strategy').choices(strategies))
    .option('--limit <number>', 'at most so many, from 1 to 1000 (default: 20)', wholeNumber)
    .addHelpText(
      'after',
      `
An order is pending until the order service has recorded its end, which is soon after the decision that \`concord status\`
shows; while a service is down, it may take longer.

On a pipe, a line for each order: id, status, customer, lines, when it was placed, strategy, reason.

Example:
  $ concord list --status rejected --customer alice --limit 5
`,
    )
    .action(async (flags: ListFlags) => (await import('../orders.ts')).listOrders(flags, session));
}
