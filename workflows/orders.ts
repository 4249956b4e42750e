import { identifier } from '../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../domain/order-record.ts';
import { parse } from '../domain/validation.ts';
import { orders, reading } from './contract/activities.ts';
import { asWorkflowFailure } from './order/failures.ts';

/** Everything that the order service's worker runs. */
export { deliverEvent } from './exchange/deliver-event.ts';
export { mailbox } from './exchange/mailbox.ts';
export { relay } from './exchange/relay.ts';
export { placeOrder } from './place-order.ts';
export { resolveOrder } from './recovery/resolve-order.ts';
export { watchOrders } from './recovery/watch-orders.ts';

/** The order service's own record of an order, or null: also of orders whose history is no longer kept. */
export async function findOrder(orderId: string): Promise<OrderRecord | null> {
  return orders(reading)['orders.findOrder'](
    asWorkflowFailure(() => parse(identifier(), orderId, 'orderId')),
  );
}

/** The newest orders first. */
export async function listOrders(filter: OrderFilter): Promise<OrderRecord[]> {
  // Checked, but passed on as it came: the service fills in the defaults.
  asWorkflowFailure(() => parseOrderFilter(filter));
  return orders(reading)['orders.listOrders'](filter);
}
