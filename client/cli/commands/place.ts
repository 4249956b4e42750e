import { type Command, InvalidArgumentError, Option } from 'commander';
import { defined } from '../../../domain/defined.ts';
import type { Line, Order } from '../../../domain/order.ts';
import { MAXIMUM_PREPARE_BUDGET } from '../../../domain/policies.ts';
import { DEFAULT_STRATEGY, strategies } from '../../../domain/strategies.ts';
import type { Placed, PlaceOptions } from '../../concord.ts';
import { seconds } from '../shared/arguments.ts';
import { follow } from '../shared/follow.ts';
import { interruptible } from '../shared/interrupt.ts';
import { type Output, safe } from '../shared/output.ts';
import { type OrderFlags, orderFromFlags, ordersFromFile } from '../shared/place-input.ts';
import { exitCodeOfPlaced } from '../shared/print-error.ts';
import type { Session } from '../shared/session.ts';
import { orderUrl } from '../shared/target.ts';
import { coloured, reasonCells } from '../shared/terminal-text.ts';

export function place(command: Command, session: Session): void {
  const most = MAXIMUM_PREPARE_BUDGET;
  const budget = seconds(`Use 1 to ${most / 1_000} seconds.`, 1_000, most);
  const file = new Option('--file <file>', 'orders as JSON, one or an array; - is standard input');
  const waitText = 'return when the order is durable, its outcome is, or every service has it';
  const wait = new Option('--wait <for>', waitText);
  const strategy = new Option('--strategy <name>', 'how the services are kept consistent');
  command
    .description('place an order, or a file of orders')
    .option('--sku <sku:quantity>', 'what is ordered; repeat it for more', collectLine)
    .option('--customer <id>', 'whose order it is')
    .option('--order-id <id>', 'the same id is the same order, and is placed once (default: a new one)')
    .addOption(file.conflicts(['sku', 'customer', 'orderId']))
    .addOption(wait.choices(['accepted', 'decided', 'final']).default('final'))
    .option('--prepare-budget <seconds>', 'how long the services may take to agree (default: 600)', budget)
    .addOption(strategy.choices(strategies).default(DEFAULT_STRATEGY))
    .addHelpText('after', HELP)
    .action(async ({ file, sku, customer, orderId, ...options }: OrderFlags & PlaceOptions) => {
      if (file === undefined) {
        const order = orderFromFlags({ sku, customer, orderId });
        return placeOne(order, options, orderId === undefined, session);
      }
      const orders = await ordersFromFile(file);
      if (!Array.isArray(orders)) return placeOne(orders, options, true, session);
      const { placeMany } = await import('../shared/place-many.ts');
      return placeMany(orders, options, session);
    });
}

const HELP = `
An order without an id gets one, which is printed: after a lost answer, place it again with that id, and it is placed
only once. A script does best to choose the ids itself. An order that had been placed before keeps its strategy.

All orders of a file are checked before any is sent. On a pipe, a line for each order: id, status, code, reason.

A file holds one order, or an array of them:
  {"orderId": "4711", "customerId": "alice", "lines": [{"sku": "A", "quantity": 2}]}

Examples:
  $ concord place --sku A:2 --sku B:1 --customer alice
  $ concord place --sku A:2 --customer alice --strategy event-driven
  $ concord place --file orders.json --wait accepted
  $ generate-orders | concord place --file - --json
`;

function collectLine(text: string, lines: readonly Line[] = []): Line[] {
  // A SKU may hold a colon itself, so the last one counts.
  const [, sku, quantity] = /^(.+):(\d{1,16})$/.exec(text) ?? [];
  if (sku === undefined) throw new InvalidArgumentError('Use SKU:QUANTITY, as in A:2.');
  return [...lines, { sku, quantity: Number(quantity) }];
}

async function placeOne(order: Order, options: PlaceOptions, isNewId: boolean, session: Session) {
  const { output } = session;
  const { orderId } = order;
  const connected = await session.connect();
  session.subject = { orderId };
  const progress = await output.progress(`placing order ${orderId}`);
  // Said before it is sent: whatever happens then, this id is how to ask again.
  if (isNewId) progress.report(`placing order ${orderId}`);
  const follower = follow(connected, () => orderId, progress);
  const farewell = () =>
    follower.hasSeen()
      ? `order ${orderId} goes on; see it with \`concord status ${orderId}\`, or stop it with \`concord cancel ${orderId}\``
      : `order ${orderId} may have been accepted; see \`concord status ${orderId}\`, or place it again with this id`;
  const placing = interruptible(connected.concord.place(order, options), farewell);
  const placed = await placing.finally(() => follower.stop());
  await printPlaced(placed, orderUrl(connected.target, orderId), output);
  session.exitCode = exitCodeOfPlaced(placed);
}

async function printPlaced(placed: Placed, url: string | undefined, output: Output): Promise<void> {
  const { orderId, status, reason, joined } = placed;
  const { colors } = output;
  const word = status === 'pending' ? colors.cyan('accepted') : coloured(status, colors);
  const how = joined ? `${word} ${colors.dim('(it had been placed before)')}` : word;
  const text = `order ${colors.bold(safe(orderId))} ${how}${reason ? `: ${safe(reason.message)}` : ''}`;
  await output.print({
    document: { ...placed, ...defined({ url }) },
    rows: [[orderId, status, ...reasonCells(reason)]],
    terminal: () => (url === undefined ? text : `${text}\n${colors.dim(url)}`),
  });
}
