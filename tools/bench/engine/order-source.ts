import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import pRetry from 'p-retry';
import type { Concord } from '../../../client/concord.ts';
import { type Order, parseOrder } from '../../../domain/order.ts';
import type { Subject } from './subjects.ts';

/** `spread`: any of fifty SKUs. `hot`: all of them the same one. */
export type Demand = 'spread' | 'hot';

export interface OrderSource {
  /** A new order of one unit of one SKU. Each subject has SKUs of its own. */
  nextOrder(subject: Subject, demand: Demand): Order;
}

const SHELVES = 50;
const PLENTY = 1_000_000;

/** Delivers plenty of everything first. */
export async function createOrderSource(
  concord: Concord,
  subjects: readonly Subject[],
): Promise<OrderSource> {
  const skus = subjects.flatMap((subject) => [
    hotSku(subject),
    ...shelves.map((index) => skuOf(subject, index)),
  ]);
  const deliver = (sku: string, receiptId: string) =>
    pRetry(() => concord.restock(sku, PLENTY, { receiptId }), { retries: 5 });
  await pMap(skus, (sku) => deliver(sku, randomUUID()), { concurrency: 16 });
  let placed = 0;
  return {
    nextOrder(subject, demand) {
      const index = placed++;
      const sku = demand === 'hot' ? hotSku(subject) : skuOf(subject, index % SHELVES);
      return parseOrder({
        orderId: `${subject}.${index}`,
        customerId: `customer-${index % 100}`,
        lines: [{ sku, quantity: 1 }],
      });
    },
  };
}

const shelves = Array.from({ length: SHELVES }, (_, index) => index);
const hotSku = (subject: Subject) => `${subject}.hot`;
const skuOf = (subject: Subject, index: number) => `${subject}.shelf-${index}`;
