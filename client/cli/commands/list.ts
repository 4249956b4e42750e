import { type Command, Option } from 'commander';
import { defined } from '../../../domain/defined.ts';
import { ConcordError } from '../../../domain/errors.ts';
import { type Line, orderStatuses } from '../../../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../../../domain/order-record.ts';
import { strategies } from '../../../domain/strategies.ts';
import { invalidInput } from '../../../domain/validation.ts';
import { idNamed } from '../shared/arguments.ts';
import { type ItemFormat, safe, shortened } from '../shared/output.ts';
import { addPageOptions, PAGES_HELP, printListing } from '../shared/pages.ts';
import type { Session } from '../shared/session.ts';
import { coloured, localTime, reasonCells } from '../shared/terminal-text.ts';

export function list(command: Command, session: Session): void {
  command
    .description('list orders, the newest first')
    .addOption(new Option('--status <status>', 'only orders of this status').choices(orderStatuses))
    .option('--customer <id>', 'only orders of this customer', idNamed('--customer'))
    .addOption(new Option('--strategy <name>', 'only orders of this strategy').choices(strategies));
  addPageOptions(command)
    .addHelpText('after', HELP)
    .action(async ({ customer, ...others }: Omit<OrderFilter, 'customerId'> & { customer?: string }) => {
      const filter = { ...others, ...defined({ customerId: customer }) };
      parseOrderFilter(filter);
      await printListing(session, filter, {
        format: ORDERS,
        noun: 'orders',
        question: 'asking the order service',
        items: (concord, page) => concord.orders({ ...filter, ...page }),
        idOf: ({ orderId }) => orderId,
      }).catch((error) => {
        if (!(error instanceof ConcordError) || error.code !== 'UnknownOrder') throw error;
        throw invalidInput('--after', error.message);
      });
    });
}

const HELP = `
An order is pending until the order service has recorded its end, which is soon after the decision that \`concord status\`
shows; while a service is down, it may take longer.

On a pipe, a line for each order: id, status, customer, lines, when it was placed, strategy, reason.
${PAGES_HELP}

Examples:
  $ concord list --status rejected --customer alice --limit 5
  $ concord list --after 4711
`;

const ORDERS: ItemFormat<OrderRecord> = {
  row: (order) => {
    const { orderId, status, customerId, lines, createdAt, strategy, reason } = order;
    return [orderId, status, customerId, linesText(lines), createdAt, strategy, ...reasonCells(reason)];
  },
  heads: ['order', 'status', 'customer', 'lines', 'placed', 'strategy', 'reason'],
  cells: ({ orderId, status, customerId, lines, createdAt, strategy, reason }, colors) => [
    safe(orderId),
    coloured(status, colors),
    safe(customerId),
    shortened(safe(linesText(lines)), 30),
    localTime(createdAt),
    strategy,
    safe(reason?.message ?? ''),
  ],
  none: 'no orders',
};

/** Returns lines as `place --sku` takes them. */
function linesText(lines: readonly Line[]): string {
  return lines.map(({ sku, quantity }) => `${sku}:${quantity}`).join(',');
}
