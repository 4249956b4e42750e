import { type Command, Option } from 'commander';
import { defined } from '../../../domain/defined.ts';
import { identifier, type Line, orderStatuses } from '../../../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../../../domain/order-record.ts';
import { strategies } from '../../../domain/strategies.ts';
import { parse } from '../../../domain/validation.ts';
import { wholeNumber } from '../shared/arguments.ts';
import { type Output, safe, shortened, table } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';
import { coloured, localTime, reasonCells } from '../shared/terminal-text.ts';

export function addList(program: Command, session: Session): void {
  program
    .command('list')
    .description('list orders, the newest first')
    .addOption(new Option('--status <status>', 'only orders of this status').choices(orderStatuses))
    .option('--customer <id>', 'only orders of this customer')
    .addOption(new Option('--strategy <name>', 'only orders of this strategy').choices(strategies))
    .option('--limit <number>', 'at most so many, from 1 to 1000 (default: 20)', wholeNumber)
    .addHelpText('after', HELP)
    .action(async ({ customer, ...others }: Omit<OrderFilter, 'customerId'> & { customer?: string }) => {
      if (customer !== undefined) parse(identifier(), customer, '--customer');
      const filter = { ...others, ...defined({ customerId: customer }) };
      parseOrderFilter(filter);
      const orders = await session.ask('asking the order service', (concord) => concord.list(filter));
      await session.output.print({
        document: orders,
        rows: orders.map(orderRow),
        terminal: () => (orders.length === 0 ? 'no orders' : ordersTable(orders, session.output)),
      });
    });
}

const HELP = `
An order is pending until the order service has recorded its end, which is soon after the decision that \`concord status\`
shows; while a service is down, it may take longer.

On a pipe, a line for each order: id, status, customer, lines, when it was placed, strategy, reason.

Example:
  $ concord list --status rejected --customer alice --limit 5
`;

function orderRow({
  orderId,
  status,
  customerId,
  lines,
  createdAt,
  strategy,
  reason,
}: OrderRecord): string[] {
  return [orderId, status, customerId, linesText(lines), createdAt, strategy, ...reasonCells(reason)];
}

function ordersTable(orders: readonly OrderRecord[], { colors }: Output): Promise<string> {
  const rows = orders.map((order) => [
    safe(order.orderId),
    coloured(order.status, colors),
    safe(order.customerId),
    shortened(safe(linesText(order.lines)), 30),
    localTime(order.createdAt),
    order.strategy,
    safe(order.reason?.message ?? ''),
  ]);
  return table(['order', 'status', 'customer', 'lines', 'placed', 'strategy', 'reason'], rows, colors);
}

/** Returns lines as `place --sku` takes them. */
function linesText(lines: readonly Line[]): string {
  return lines.map(({ sku, quantity }) => `${sku}:${quantity}`).join(',');
}
