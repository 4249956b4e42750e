import pMap from 'p-map';
import type { Order, Reason } from '../../../domain/order.ts';
import type { Placed, PlaceOptions } from '../../concord.ts';
import { follow } from './follow.ts';
import { interruptible } from './interrupt.ts';
import { type ItemFormat, safe } from './output.ts';
import { errorDocument, exitCodeOf, exitCodeOfPlaced, exitCodes } from './print-error.ts';
import type { Session } from './session.ts';
import { coloured, reasonCells } from './terminal-text.ts';

/** Places orders side by side, and prints a result for each; also after Ctrl-C. */
export async function placeMany(orders: readonly Order[], options: PlaceOptions, session: Session) {
  const { output } = session;
  const connected = await session.connect();
  const entries: Entries = new Map(orders.map(({ orderId }) => [orderId, { orderId, status: 'unsent' }]));
  const progress = await output.progress(`placing ${orders.length} orders`);
  const firstUnknown = () => [...entries.values()].find(({ status }) => status === 'unknown')?.orderId;
  const follower = follow(connected, firstUnknown, progress);
  let isStopped = false;

  /** Returns the exit code that it would end with by itself. */
  const placeEntry = async (order: Order): Promise<number> => {
    if (isStopped) return exitCodes.unreachable;
    const { orderId } = order;
    entries.set(orderId, { orderId, status: 'unknown' });
    try {
      const placed = await connected.concord.place(order, options);
      entries.set(orderId, placed);
      return exitCodeOfPlaced(placed);
    } catch (error) {
      entries.set(orderId, { orderId, status: 'failed', error: errorDocument(error) });
      // If nobody answers, the other orders would only wait for the same.
      isStopped ||= exitCodeOf(error) === exitCodes.unreachable;
      return exitCodeOf(error);
    } finally {
      progress.update(countText(entries));
    }
  };

  const placing = pMap(orders, placeEntry, { concurrency: 20 });
  try {
    // Unreachable before refused: if nobody answers, the rest is worth another try.
    session.exitCode = Math.max(...(await interruptible(placing, () => interruptedText(entries))));
  } finally {
    isStopped = true;
    follower.stop();
    await output.printItems([...entries.values()], ENTRIES);
    if (output.isTerminal) output.printText(countText(entries));
  }
}

/** One order of many, as `--json` prints it. `unsent`: it was never sent; `unknown`: it was, and its answer is not known. */
interface Entry {
  readonly orderId: string;
  readonly status: Placed['status'] | 'failed' | 'unsent' | 'unknown';
  readonly reason?: Pick<Reason, 'code' | 'message'> | undefined;
  readonly error?: Pick<Reason, 'code' | 'message'>;
}

type Entries = Map<string, Entry>;

const ENTRIES: ItemFormat<Entry> = {
  row: ({ orderId, status, reason, error }) => [orderId, status, ...reasonCells(reason ?? error)],
  heads: ['order', 'status', 'reason'],
  cells: ({ orderId, status, reason, error }, colors) => {
    const message = (reason ?? error)?.message ?? '';
    return [safe(orderId), coloured(status, colors), safe(message)];
  },
  none: 'no orders',
};

function countText(entries: Entries): string {
  const counts = new Map<string, number>();
  const ended = [...entries.values()].filter(({ status }) => status !== 'unsent' && status !== 'unknown');
  for (const { status } of ended) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
  return `${ended.length} of ${entries.size} orders${parts === '' ? '' : `: ${parts}`}`;
}

function interruptedText(entries: Entries): string {
  const { length } = [...entries.values()].filter(({ status }) => status === 'unknown');
  return `stopped; ${countText(entries)}; ${length} more were sent and go on: see them with \`concord status ID\``;
}
