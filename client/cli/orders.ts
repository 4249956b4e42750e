import { type Command, InvalidArgumentError, Option } from 'commander';
import { identifier, type OrderStatus, orderStatuses } from '../../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../../domain/order-record.ts';
import { parseCancelRequest } from '../../domain/place-order.ts';
import { type Strategy, strategies } from '../../domain/strategies.ts';
import { parse } from '../../domain/validation.ts';
import type { OrderView } from '../view.ts';
import { exitCodes } from './errors.ts';
import { interruptible } from './interrupt.ts';
import {
  changeRow,
  coloured,
  linesText,
  localTime,
  reasonCells,
  viewRows,
  viewText,
  waitingText,
} from './order-text.ts';
import { type Output, type Progress, safe, shortened, table } from './output.ts';
import type { Connected, Session } from './session.ts';
import { orderUrl } from './target.ts';

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
    .action(async (id: string) => {
      checkOrderId(id);
      const connected = await session.connect();
      const view = await session.output.during(`looking for order ${id}`, connected.concord.status(id));
      await printView(view, connected, session.output);
    });
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
    .action(async (id: string) => {
      checkOrderId(id);
      session.subject = { orderId: id };
      const connected = await session.connect();
      const { output } = session;
      const progress = await output.progress(`looking for order ${id}`);
      const last = await interruptible(
        watch(id, connected, output, progress),
        () => `stopped watching; order ${id} goes on: see it with \`concord status ${id}\``,
      ).finally(() => progress.stop());
      if (last !== undefined && output.isTerminal) await printView(last, connected, output);
      if (last?.phase === 'final' && last.status === 'confirmed') return;
      session.exitCode = output.isClosed ? 0 : exitCodes.refused;
    });
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
Exits 0 when the order is cancelled, and 1 when it is too late. While the order service is down, the cancellation is
recorded and decided later: then the status is "requested", and the exit code is 0 as well.

Example:
  $ concord cancel 4711 --reason "ordered twice"
`,
    )
    .action(async (id: string, { reason }: { reason: string }) => {
      checkOrderId(id);
      parseCancelRequest({ reason });
      const { output } = session;
      const { concord } = await session.connect();
      const cancelled = await output.during(`cancelling order ${id}`, concord.cancel(id, { reason }));
      const { status } = cancelled;
      await output.print({
        document: cancelled,
        rows: [[id, status]],
        terminal: () => `order ${output.colors.bold(safe(id))} ${coloured(status, output.colors)}`,
      });
      if (status === 'requested') {
        output.note(
          `the order service does not answer: it decides when it is back; see \`concord status ${id}\``,
        );
      }
      session.exitCode = status === 'cancelled' || status === 'requested' ? 0 : exitCodes.refused;
    });
}

interface ListFlags {
  readonly status?: OrderStatus;
  readonly customer?: string;
  readonly strategy?: Strategy;
  readonly limit?: number;
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
On a pipe, a line for each order: id, status, customer, lines, when it was placed, strategy, reason.

Example:
  $ concord list --status rejected --customer alice --limit 5
`,
    )
    .action(async (flags: ListFlags) => {
      const { output } = session;
      const filter: OrderFilter = {
        ...(flags.status === undefined ? {} : { status: flags.status }),
        ...(flags.customer === undefined ? {} : { customerId: flags.customer }),
        ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }),
        ...(flags.limit === undefined ? {} : { limit: flags.limit }),
      };
      parseOrderFilter(filter);
      const { concord } = await session.connect();
      const orders = await output.during('asking the order service', concord.list(filter));
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
    });
}

/** @throws ConcordError `InvalidInput` */
export function checkOrderId(id: string): void {
  parse(identifier(), id, 'order id');
}

async function printView(view: OrderView, { target }: Connected, output: Output): Promise<void> {
  const url = orderUrl(target, view.orderId);
  await output.print({
    document: url === undefined ? view : { ...view, url },
    rows: viewRows(view, url),
    terminal: () => viewText(view, url, output.colors),
  });
}

/** Shows each change, and returns the last one. */
async function watch(
  id: string,
  { concord }: Connected,
  output: Output,
  progress: Progress,
): Promise<OrderView | undefined> {
  let last: OrderView | undefined;
  for await (const view of concord.watch(id)) {
    last = view;
    if (output.json) output.printLine(view);
    else if (output.isTerminal) progress.update(waitingText(view));
    else output.printRow(changeRow(view));
    if (output.isClosed) break;
  }
  return last;
}

const LINES_WIDTH = 30;

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

/** A commander parser for a whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Use a whole number.');
  return Number(text);
}
