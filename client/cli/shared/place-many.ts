import pMap from 'p-map';
import type { Order } from '../../../domain/order.ts';
import type { Placed, PlaceOptions } from '../../concord.ts';
import { follow } from './follow.ts';
import { interruptible } from './interrupt.ts';
import { type Output, safe, table } from './output.ts';
import { errorDocument, exitCodeOf, exitCodeOfPlaced, exitCodes } from './print-error.ts';
import type { Session } from './session.ts';
import { coloured, reasonCells } from './terminal-text.ts';

/** Places orders side by side, and prints a result for each; also after Ctrl-C. */
export async function placeMany(
  orders: readonly Order[],
  options: PlaceOptions,
  session: Session,
): Promise<void> {
  const { output } = session;
  const connected = await session.connect();
  const entries: Entries = new Map(orders.map(({ orderId }) => [orderId, { kind: 'unsent' }]));
  const progress = await output.progress(`placing ${orders.length} orders`);
  const firstUnknown = () => [...entries].find(([, { kind }]) => kind === 'unknown')?.[0];
  const follower = follow(connected, firstUnknown, progress);
  let isStopped = false;

  const placeEntry = async (order: Order) => {
    if (isStopped) return;
    entries.set(order.orderId, { kind: 'unknown' });
    const entry = await connected.concord.place(order, options).then(
      (placed): Entry => ({ kind: 'placed', placed }),
      (error: unknown): Entry => ({ kind: 'failed', error }),
    );
    entries.set(order.orderId, entry);
    // If nobody answers, the other orders would only wait for the same.
    if (entry.kind === 'failed' && exitCodeOf(entry.error) === exitCodes.unreachable) isStopped = true;
    progress.update(countText(entries));
  };

  const placing = pMap(orders, placeEntry, { concurrency: 20 });
  try {
    await interruptible(placing, () => interruptedText(entries));
  } finally {
    isStopped = true;
    follower.stop();
    progress.stop();
    await printEntries(entries, output);
  }
  // Unreachable before refused: if nobody answers, the rest is worth another try.
  session.exitCode = Math.max(0, ...[...entries.values()].map(exitCodeOfEntry));
}

/** One order of many. `unsent`: it was never sent; `unknown`: it was, and its answer is not known. */
type Entry =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'unsent' | 'unknown' };

type Entries = Map<string, Entry>;

function exitCodeOfEntry(entry: Entry): number {
  if (entry.kind === 'placed') return exitCodeOfPlaced(entry.placed);
  return entry.kind === 'failed' ? exitCodeOf(entry.error) : exitCodes.unreachable;
}

async function printEntries(entries: Entries, output: Output): Promise<void> {
  const rows = [...entries].map(([orderId, entry]) => [orderId, ...entryCells(entry)]);
  await output.print({
    document: [...entries].map(([orderId, entry]) => entryDocument(orderId, entry)),
    rows,
    terminal: async () => {
      const cells = rows.map(([orderId = '', status = '', , message = '']) => [
        safe(orderId),
        coloured(status, output.colors),
        safe(message),
      ]);
      return `${await table(['order', 'status', 'reason'], cells, output.colors)}\n${countText(entries)}`;
    },
  });
}

function entryCells(entry: Entry): [status: string, ...string[]] {
  if (entry.kind === 'placed') return [entry.placed.status, ...reasonCells(entry.placed.reason)];
  if (entry.kind !== 'failed') return [entry.kind];
  const { code, message } = errorDocument(entry.error);
  return ['failed', code, message];
}

function entryDocument(orderId: string, entry: Entry): object {
  if (entry.kind === 'placed') return entry.placed;
  if (entry.kind === 'failed') return { orderId, status: 'failed', error: errorDocument(entry.error) };
  return { orderId, status: entry.kind };
}

function countText(entries: Entries): string {
  const counts = new Map<string, number>();
  for (const entry of entries.values()) {
    if (entry.kind === 'unsent' || entry.kind === 'unknown') continue;
    const [status] = entryCells(entry);
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  const ended = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
  return `${ended} of ${entries.size} orders${parts === '' ? '' : `: ${parts}`}`;
}

function interruptedText(entries: Entries): string {
  const { length } = [...entries.values()].filter(({ kind }) => kind === 'unknown');
  return `stopped; ${countText(entries)}; ${length} more were sent and go on: see them with \`concord status ID\``;
}
