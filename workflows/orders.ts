import { identifier } from '../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../domain/order-record.ts';
import type { Page } from '../domain/page.ts';
import { parse } from '../domain/validation.ts';
import { orders, reading } from './contract/activities.ts';
import { asWorkflowFailure } from './order/failures.ts';

export { mailbox } from './exchange/mailbox.ts';
export { placeOrder } from './place-order.ts';
export { resolveOrder } from './recovery/resolve-order.ts';
export { watchOrders } from './recovery/watch-orders.ts';

/** Returns the order service's record of an order, or null; also if the order's history is no longer kept. */
export async function findOrder(orderId: string): Promise<OrderRecord | null> {
  const id = asWorkflowFailure(() => parse(identifier(), orderId, 'orderId'));
  return orders(reading)['orders.findOrder'](id);
}

/** Returns a page of the orders, the newest first. */
export async function listOrders(filter: OrderFilter): Promise<Page<OrderRecord>> {
  // Passed on as it came: the service fills in the defaults.
  asWorkflowFailure(() => parseOrderFilter(filter));
  return orders(reading)['orders.listOrders'](filter);
}
