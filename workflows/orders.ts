import { proxyActivities } from '@temporalio/workflow';
import { identifier } from '../domain/order.ts';
import { type OrderFilter, type OrderRecord, parseOrderFilter } from '../domain/order-record.ts';
import { READ_BUDGET } from '../domain/policies.ts';
import { parse } from '../domain/validation.ts';
import { asWorkflowFailure } from './order/failures.ts';
import { optionsOf } from './order/participants.ts';

/** Everything that the order service's worker runs. */
export { deliverEvent } from './exchange/deliver-event.ts';
export { mailbox } from './exchange/mailbox.ts';
export { relay } from './exchange/relay.ts';
export { placeOrder } from './place-order.ts';
export { resolveOrder } from './recovery/resolve-order.ts';
export { watchOrders } from './recovery/watch-orders.ts';

type Reads = {
  'orders.findOrder'(orderId: string): Promise<OrderRecord | null>;
  'orders.listOrders'(filter: OrderFilter): Promise<OrderRecord[]>;
};

const reads = (activity: keyof Reads) =>
  proxyActivities<Reads>({
    taskQueue: 'orders',
    ...optionsOf('read', activity),
    scheduleToCloseTimeout: READ_BUDGET,
  });

/** The order service's own record of an order, or null: also of orders whose history is no longer kept. */
export async function findOrder(orderId: string): Promise<OrderRecord | null> {
  return reads('orders.findOrder')['orders.findOrder'](
    asWorkflowFailure(() => parse(identifier(), orderId, 'orderId')),
  );
}

/** The newest orders first. */
export async function listOrders(filter: OrderFilter): Promise<OrderRecord[]> {
  // Checked, but passed on as it came: the service fills in the defaults.
  asWorkflowFailure(() => parseOrderFilter(filter));
  return reads('orders.listOrders')['orders.listOrders'](filter);
}
