import { checkStock, type Violation } from '../measure/checker.ts';
import { keepLooking } from '../measure/quiet.ts';
import type { Stage } from '../measure/stage.ts';
import { collectionsIn } from '../measure/state.ts';
import { sum } from '../measure/statistics.ts';

/** `at` is in seconds from the first order. */
export interface Sample {
  readonly at: number;
  /** Orders that were sent and not final, and those on record as pending. */
  readonly open: number;
  readonly pending: number;
  readonly held: number;
  /** Orders that are confirmed and not yet sold, or sold and not yet confirmed. */
  readonly inconsistent: number;
}

export type Reading = Awaited<ReturnType<ReturnType<typeof startReader>['stop']>>;

interface Options {
  readonly databases: Stage['databases'];
  readonly skus: readonly string[];
  /** The orders that were sent so far, and how many of them are not final. */
  readonly sent: () => readonly string[];
  readonly open: () => number;
}

// Milliseconds.
const INTERVAL = 200;

/** Reads the databases of both services again and again, as a report or another service would. */
export function startReader({ databases, skus, sent, open }: Options) {
  const collections = collectionsIn(databases);
  const samples: Sample[] = [];
  /** When each order was first seen decided; milliseconds since 1970. */
  const decidedAt = new Map<string, number>();
  const done = new Set<string>();
  const inconsistentFor = new Map<string, number>();
  const violations = new Map<string, Violation>();
  const began = Date.now();
  let lastAt = began;

  const stop = keepLooking(INTERVAL, async () => {
    const orderIds = sent().filter((id) => !done.has(id));
    // Nobody can read two databases at once. An order that is sold before the look at the orders is sold then, and one
    // that isn't sold after it isn't sold then.
    const before = await lookAtInventory(collections, orderIds, skus);
    const asked = collections.orders.find({ _id: { $in: orderIds } }, { projection: { status: 1 } });
    const statuses = new Map((await asked.toArray()).map(({ _id, status }) => [_id, status]));
    const after = await lookAtInventory(collections, orderIds, skus);
    const now = Date.now();
    const inconsistent = orderIds.filter((id) => {
      const isConfirmed = statuses.get(id) === 'confirmed';
      return isConfirmed ? !after.sold.has(id) : before.sold.has(id);
    });
    for (const id of inconsistent) inconsistentFor.set(id, (inconsistentFor.get(id) ?? 0) + (now - lastAt));
    for (const [id, status] of statuses) {
      if (status === 'pending') continue;
      if (!decidedAt.has(id)) decidedAt.set(id, now);
      if (status !== 'confirmed' || after.sold.has(id)) done.add(id);
    }
    for (const violation of checkStock(after.stock)) violations.set(violation.subject, violation);
    samples.push({
      at: (now - began) / 1_000,
      open: open(),
      pending: [...statuses.values()].filter((status) => status === 'pending').length,
      held: sum(after.stock.map(({ reserved }) => reserved)),
      inconsistent: inconsistent.length,
    });
    lastAt = now;
  });
  return {
    samples,
    async stop() {
      await stop();
      const seen = summaryOf(samples, [...inconsistentFor.values()]);
      return { samples, decidedAt, violations: [...violations.values()], seen };
    },
  };
}

function summaryOf(samples: readonly Sample[], inconsistentFor: readonly number[]) {
  const most = (of: (sample: Sample) => number) => Math.max(0, ...samples.map(of));
  return {
    /** The most at one time. */
    pending: most(({ pending }) => pending),
    held: most(({ held }) => held),
    /** How many orders at some time, and for how long, in seconds: all of them together, and the longest. */
    inconsistent: inconsistentFor.length,
    inconsistentTotal: sum(inconsistentFor) / 1_000,
    inconsistentLongest: Math.max(0, ...inconsistentFor) / 1_000,
  };
}

/** The decision is written before the last hold goes, so they are read in this order. */
async function lookAtInventory(
  { reservations, stock: stocks }: ReturnType<typeof collectionsIn>,
  orderIds: readonly string[],
  skus: readonly string[],
) {
  const isCommitted = { _id: { $in: [...orderIds] }, decision: 'commit' } as const;
  const committed = await reservations.find(isCommitted, { projection: { _id: 1 } }).toArray();
  const stock = await stocks.find({ _id: { $in: [...skus] } }).toArray();
  const held = new Set(stock.flatMap(({ holds }) => holds.map(({ orderId }) => orderId)));
  const sold = new Set(committed.map(({ _id }) => _id).filter((id) => !held.has(id)));
  return { sold, stock };
}
