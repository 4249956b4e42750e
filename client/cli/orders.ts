import { identifier, type OrderStatus } from '../../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../../domain/order-record.ts';
import { parseCancelRequest } from '../../domain/place-order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import { parse } from '../../domain/validation.ts';
import type { OrderView } from '../view.ts';
import { interruptible } from './shared/interrupt.ts';
import { type Output, type Progress, safe, shortened, table } from './shared/output.ts';
import { exitCodes } from './shared/print-error.ts';
import type { Connected, Session } from './shared/session.ts';
import { orderUrl } from './shared/target.ts';
import {
  changeRow,
  coloured,
  linesText,
  localTime,
  reasonCells,
  viewRows,
  viewText,
  waitingText,
} from './shared/terminal-text.ts';

/** `status ID` */
export async function showStatus(id: string, session: Session): Promise<void> {
  checkOrderId(id);
  const connected = await session.connect();
  const view = await session.output.during(`looking for order ${id}`, connected.concord.status(id));
  await printView(view, connected, session.output);
}

/** `watch ID` */
export async function watchOrder(id: string, session: Session): Promise<void> {
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
}

export interface CancelFlags {
  readonly reason: string;
}

/** `cancel ID` */
export async function cancelOrder(id: string, { reason }: CancelFlags, session: Session): Promise<void> {
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
}

export interface ListFlags {
  readonly status?: OrderStatus;
  readonly customer?: string;
  readonly strategy?: Strategy;
  readonly limit?: number;
}

/** `list` */
export async function listOrders(flags: ListFlags, session: Session): Promise<void> {
  const { output } = session;
  const filter: OrderFilter = {
    ...(flags.status === undefined ? {} : { status: flags.status }),
    ...(flags.customer === undefined ? {} : { customerId: flags.customer }),
    ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }),
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
  };
  if (flags.customer !== undefined) parse(identifier(), flags.customer, '--customer');
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
