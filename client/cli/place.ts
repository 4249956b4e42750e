import type { Order } from '../../domain/order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import type { Placed, PlaceOptions, WaitFor } from '../concord.ts';
import { follow } from './shared/follow.ts';
import { interruptible } from './shared/interrupt.ts';
import { type Output, safe } from './shared/output.ts';
import { type OrderFlags, orderFromFlags, ordersFromFile } from './shared/place-input.ts';
import { exitCodeOfPlaced, placeMany } from './shared/place-many.ts';
import type { Connected, Session } from './shared/session.ts';
import { orderUrl } from './shared/target.ts';
import { coloured, reasonCells } from './shared/terminal-text.ts';

export interface PlaceFlags extends OrderFlags {
  readonly file?: string;
  readonly wait: WaitFor;
  /** Milliseconds. */
  readonly prepareBudget?: number;
  readonly strategy: Strategy;
}

/** `place` */
export async function placeOrders(flags: PlaceFlags, session: Session): Promise<void> {
  const { orders, isArray } =
    flags.file === undefined
      ? { orders: [orderFromFlags(flags)], isArray: false }
      : await ordersFromFile(flags.file);
  const options: PlaceOptions = {
    wait: flags.wait,
    strategy: flags.strategy,
    ...(flags.prepareBudget === undefined ? {} : { prepareBudget: flags.prepareBudget }),
  };
  const [only] = orders;
  if (isArray || only === undefined) await placeMany(orders, options, session);
  else await placeOne(only, options, flags.orderId === undefined, session);
}

async function placeOne(
  order: Order,
  options: PlaceOptions,
  isNewId: boolean,
  session: Session,
): Promise<void> {
  const { output } = session;
  const { orderId } = order;
  const connected = await session.connect();
  session.subject = { orderId };
  const progress = await output.progress(`placing order ${orderId}`);
  // Said before it is sent: whatever happens then, this id is how to ask again.
  if (isNewId) progress.report(`placing order ${orderId}`);
  const follower = follow(connected, () => orderId, progress);
  try {
    const placed = await interruptible(connected.concord.place(order, options), () =>
      follower.hasSeen()
        ? `order ${orderId} goes on; see it with \`concord status ${orderId}\`, or stop it with \`concord cancel ${orderId}\``
        : `order ${orderId} may have been accepted; see \`concord status ${orderId}\`, or place it again with this id`,
    );
    progress.stop();
    await printPlaced(placed, connected, output);
    session.exitCode = exitCodeOfPlaced(placed);
  } finally {
    follower.stop();
    progress.stop();
  }
}

async function printPlaced(placed: Placed, { target }: Connected, output: Output): Promise<void> {
  const { orderId, status, reason } = placed;
  const url = orderUrl(target, orderId);
  const { colors } = output;
  await output.print({
    document: url === undefined ? placed : { ...placed, url },
    rows: [[orderId, status, ...reasonCells(reason)]],
    terminal: () =>
      [
        `order ${colors.bold(safe(orderId))} ${statusWord(placed, output)}${reason ? `: ${safe(reason.message)}` : ''}`,
        ...(url === undefined ? [] : [colors.dim(url)]),
      ].join('\n'),
  });
}

function statusWord({ status, joined }: Placed, { colors }: Output): string {
  const word = status === 'pending' ? colors.cyan('accepted') : coloured(status, colors);
  return joined ? `${word} ${colors.dim('(it had been placed before)')}` : word;
}
