import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import pRetry from 'p-retry';
import type { Concord } from '../../client/concord.ts';
import { type Order, parseOrder } from '../../domain/order.ts';

/** `spread`: orders want any of many SKUs. `hot`: all of them want the same one. */
export type Demand = 'spread' | 'hot';

/** Orders for one purpose with stock of their own, so that a violation is known to be theirs. */
export type Shelves = Awaited<ReturnType<typeof fillShelves>>;

interface Options {
  readonly prefix: string;
  /** SKUs beside the hot one: enough that orders seldom wait for one another. */
  readonly count: number;
  /** Lines of each order; with two, a hot order has one of its own shelf as well. */
  readonly lines: 1 | 2;
}

const PLENTY = 1_000_000;

/** Delivers plenty of everything; every id begins with the prefix. */
export async function fillShelves(concord: Concord, { prefix, count, lines }: Options) {
  // Lines are sorted by SKU, and the first one chooses the mailbox: the hot one must come before the shelves.
  const hot = `${prefix}.hot`;
  const shelves = Array.from({ length: count }, (_, index) => `${prefix}.shelf-${index}`);
  const skus = [hot, ...shelves];
  await pMap(skus, (sku) => deliver(concord, sku, PLENTY), { concurrency: 8 });
  let placed = 0;
  return {
    skus,
    nextOrder(demand: Demand): Order {
      const index = placed++;
      const shelf = (number: number) => shelves[number % count] ?? hot;
      const wanted = demand === 'hot' ? [hot, shelf(index)] : [shelf(index), shelf(7 * index + 3)];
      return orderOf(prefix, index, wanted.slice(0, lines));
    },
  };
}

export function orderOf(prefix: string, index: number, skus: readonly string[]): Order {
  const lines = skus.map((sku) => ({ sku, quantity: 1 }));
  return parseOrder({ orderId: `${prefix}.${index}`, customerId: `customer-${index % 100}`, lines });
}

/** Tries again while the workers still start. */
export function deliver(concord: Concord, sku: string, quantity: number, receiptId: string = randomUUID()) {
  return pRetry(() => concord.restock(sku, quantity, { receiptId }), { retries: 5 });
}
