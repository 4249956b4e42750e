import pMap from 'p-map';
import type { Order } from '../../../domain/order.ts';
import type { Placed, PlaceOptions } from '../../concord.ts';
import { follow } from './follow.ts';
import { interruptible } from './interrupt.ts';
import { type Output, safe, table } from './output.ts';
import { errorDocument, exitCodeOf, exitCodeOfPlaced, exitCodes, Interrupted } from './print-error.ts';
import type { Connected, Session } from './session.ts';
import { coloured, reasonCells } from './terminal-text.ts';

/** Places orders side by side, and prints a result for each; also after Ctrl-C. */
export async function placeMany(
  orders: readonly Order[],
  options: PlaceOptions,
  session: Session,
): Promise<void> {
  const { output } = session;
  const connected = await session.connect();
  const entries = new Map<string, Entry>(orders.map(({ orderId }) => [orderId, { kind: 'unsent' }]));
  const progress = await output.progress(`placing ${orders.length} orders`);
  const follower = follow(connected, () => firstOf(entries, 'unknown'), progress);
  let isStopped = false;

  const placeEntry = async (order: Order) => {
    if (isStopped) return;
    entries.set(order.orderId, { kind: 'unknown' });
    const entry = await placeQuietly(order, options, connected);
    entries.set(order.orderId, entry);
    // Where nobody answers, the other orders would only wait for the same.
    if (entry.kind === 'failed' && exitCodeOf(entry.error) === exitCodes.unreachable) isStopped = true;
    progress.update(countText(entries));
  };

  try {
    await interruptible(pMap(orders, placeEntry, { concurrency: CONCURRENCY }), () =>
      interruptedText(entries),
    );
  } catch (error) {
    isStopped = true;
    progress.stop();
    if (error instanceof Interrupted) await printEntries(entries, output);
    throw error;
  } finally {
    follower.stop();
    progress.stop();
  }
  await printEntries(entries, output);
  session.exitCode = exitCodeOfEntries([...entries.values()]);
}

const CONCURRENCY = 20;

/** What became of one order of many. `unsent`: it was never sent; `unknown`: it was, and its answer is not known. */
type Entry =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'unsent' | 'unknown' };

async function placeQuietly(order: Order, options: PlaceOptions, { concord }: Connected): Promise<Entry> {
  try {
    return { kind: 'placed', placed: await concord.place(order, options) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** Unreachable before refused: where nobody answers, the rest is worth another try. */
function exitCodeOfEntries(entries: readonly Entry[]): number {
  const codes = entries.map((entry) => {
    if (entry.kind === 'placed') return exitCodeOfPlaced(entry.placed);
    return entry.kind === 'failed' ? exitCodeOf(entry.error) : exitCodes.unreachable;
  });
  return Math.max(0, ...codes);
}

async function printEntries(entries: ReadonlyMap<string, Entry>, output: Output): Promise<void> {
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

function entryCells(entry: Entry): string[] {
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

function countText(entries: ReadonlyMap<string, Entry>): string {
  const counts = new Map<string, number>();
  for (const entry of entries.values()) {
    const [status = ''] = entryCells(entry);
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  const waiting = (counts.get('unsent') ?? 0) + (counts.get('unknown') ?? 0);
  const parts = [...counts].filter(([status]) => status !== 'unsent' && status !== 'unknown');
  const ended = parts.map(([status, count]) => `${count} ${status}`).join(', ');
  return `${entries.size - waiting} of ${entries.size} orders${ended === '' ? '' : `: ${ended}`}`;
}

function interruptedText(entries: ReadonlyMap<string, Entry>): string {
  const { length } = [...entries.values()].filter(({ kind }) => kind === 'unknown');
  return `stopped; ${countText(entries)}; ${length} more were sent and go on: see them with \`concord status ID\``;
}

function firstOf(entries: ReadonlyMap<string, Entry>, kind: Entry['kind']): string | undefined {
  return [...entries].find(([, entry]) => entry.kind === kind)?.[0];
}
