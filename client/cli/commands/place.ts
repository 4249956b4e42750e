import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Line } from '../../../domain/order.ts';
import { MAXIMUM_PREPARE_BUDGET } from '../../../domain/policies.ts';
import { DEFAULT_STRATEGY, strategies } from '../../../domain/strategies.ts';
import type { PlaceFlags } from '../place.ts';
import type { Session } from '../shared/session.ts';

/** `place` */
export function describePlace(program: Command, session: Session): void {
  program
    .command('place')
    .description('place an order, or a file of orders')
    .option('--sku <sku:quantity>', 'what is ordered; repeat it for more', collectLine)
    .option('--customer <id>', 'whose order it is')
    .option('--order-id <id>', 'the same id is the same order, and is placed once (default: a new one)')
    .addOption(
      new Option('--file <file>', 'orders as JSON, one or an array; - is standard input').conflicts([
        'sku',
        'customer',
        'orderId',
      ]),
    )
    .addOption(
      new Option('--wait <for>', 'return when the order is durable, its outcome is, or every service has it')
        .choices(['accepted', 'decided', 'final'])
        .default('final'),
    )
    .option('--prepare-budget <seconds>', 'how long the services may take to agree (default: 600)', budget)
    .addOption(
      new Option('--strategy <name>', 'how the services are kept consistent')
        .choices(strategies)
        .default(DEFAULT_STRATEGY),
    )
    .addHelpText('after', PLACE_HELP)
    .action(async (flags: PlaceFlags) => (await import('../place.ts')).placeOrders(flags, session));
}

const PLACE_HELP = `
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

function budget(text: string): number {
  const milliseconds = Math.round(Number(text) * 1000);
  if (/^\d+(\.\d+)?$/.test(text) && milliseconds >= 1_000 && milliseconds <= MAXIMUM_PREPARE_BUDGET) {
    return milliseconds;
  }
  throw new InvalidArgumentError(`Use 1 to ${MAXIMUM_PREPARE_BUDGET / 1000} seconds.`);
}
