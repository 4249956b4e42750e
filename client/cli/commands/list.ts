import { type Command, Option } from 'commander';
import { identifier, type Line, type OrderStatus, orderStatuses } from '../../../domain/order.ts';
import { type OrderRecord, parseOrderFilter } from '../../../domain/order-record.ts';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import { parse } from '../../../domain/validation.ts';
import { wholeNumber } from '../shared/arguments.ts';
import { type Output, safe, shortened, table } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';
import { coloured, localTime, reasonCells } from '../shared/terminal-text.ts';

/** `list` */
export function addList(program: Command, session: Session): void {
  program
    .command('list')
    .description('list orders, the newest first')
    .addOption(new Option('--status <status>', 'only orders of this status').choices(orderStatuses))
    .option('--customer <id>', 'only orders of this customer')
    .addOption(new Option('--strategy <name>', 'only orders of this strategy').choices(strategies))
    .option('--limit <number>', 'at most so many, from 1 to 1000 (default: 20)', wholeNumber)
    .addHelpText('after', HELP)
    .action((flags: Flags) => list(flags, session));
}

const HELP = `
An order is pending until the order service has recorded its end, which is soon after the decision that \`concord status\`
shows; while a service is down, it may take longer.

On a pipe, a line for each order: id, status, customer, lines, when it was placed, strategy, reason.

Example:
  $ concord list --status rejected --customer alice --limit 5
`;

interface Flags {
  readonly status?: OrderStatus;
  readonly customer?: string;
  readonly strategy?: Strategy;
  readonly limit?: number;
}

async function list({ customer, ...others }: Flags, session: Session): Promise<void> {
  const { output } = session;
  if (customer !== undefined) parse(identifier(), customer, '--customer');
  const filter = { ...others, ...(customer === undefined ? {} : { customerId: customer }) };
  parseOrderFilter(filter);
  const orders = await session.ask('asking the order service', (concord) => concord.list(filter));
  await output.print({
    document: orders,
    rows: orders.map((order) => [
      order.orderId,
      order.status,
      order.customerId,
      linesText(order.lines),
      order.createdAt,
      order.strategy,
      ...reasonCells(order.reason),
    ]),
    terminal: () => (orders.length === 0 ? 'no orders' : ordersTable(orders, output)),
  });
}

function ordersTable(orders: readonly OrderRecord[], { colors }: Output): Promise<string> {
  const rows = orders.map((order) => [
    safe(order.orderId),
    coloured(order.status, colors),
    safe(order.customerId),
    shortened(safe(linesText(order.lines)), LINES_WIDTH),
    localTime(order.createdAt),
    order.strategy,
    safe(order.reason?.message ?? ''),
  ]);
  return table(['order', 'status', 'customer', 'lines', 'placed', 'strategy', 'reason'], rows, colors);
}

const LINES_WIDTH = 30;

/** Lines as `place --sku` takes them. */
function linesText(lines: readonly Line[]): string {
  return lines.map(({ sku, quantity }) => `${sku}:${quantity}`).join(',');
}
