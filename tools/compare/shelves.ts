import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import pRetry from 'p-retry';
import type { Concord } from '../../client/concord.ts';
import { type Order, parseOrder } from '../../domain/order.ts';
import type { Strategy } from '../../domain/strategies.ts';
import type { Demand } from './result.ts';

/** Orders of one strategy for one purpose, and stock of their own: what is found wrong is known to be theirs. */
export interface Shelves {
  readonly skus: readonly string[];
  /** A new order of two units. */
  nextOrder(demand: Demand): Order;
}

const PLENTY = 1_000_000;

/**
 * @param purpose Part of every id, as is the strategy.
 * @param count How many SKUs beside the hot one: so many that orders seldom wait for one another.
 */
export async function fillShelves(
  concord: Concord,
  {
    strategy,
    purpose,
    count,
  }: { readonly strategy: Strategy; readonly purpose: string; readonly count: number },
): Promise<Shelves> {
  const prefix = `${strategy}.${purpose}`;
  // Lines are sorted by SKU, and the first one chooses the mailbox: the hot one must come before the shelves.
  const hot = `${prefix}.hot`;
  const shelves = Array.from({ length: count }, (_, index) => `${prefix}.shelf-${index}`);
  const skus = [hot, ...shelves];
  const deliver = (sku: string, receiptId: string) =>
    pRetry(() => concord.restock(sku, PLENTY, { receiptId }), { retries: 5 });
  await pMap(skus, (sku) => deliver(sku, randomUUID()), { concurrency: 8 });
  let placed = 0;
  return {
    skus,
    nextOrder(demand) {
      const index = placed++;
      const shelf = (number: number) => shelves[number % count] ?? hot;
      const wanted = demand === 'hot' ? [hot, shelf(index)] : [shelf(index), shelf(7 * index + 3)];
      return parseOrder({
        orderId: `${prefix}.${index}`,
        customerId: `customer-${index % 100}`,
        lines: wanted.map((sku) => ({ sku, quantity: 1 })),
      });
    },
  };
}
