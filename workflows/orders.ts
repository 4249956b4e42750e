import { proxyActivities } from '@temporalio/workflow';
import type { OrderFilter, OrderRecord } from '../domain/order-record.ts';
import { READ_BUDGET } from '../domain/policies.ts';
import { optionsOf } from './participants.ts';

/** Everything that the order service's worker runs. */
export { placeOrder } from './place-order.ts';
export { resolveOrder } from './resolve-order.ts';

type Reads = {
  'orders.findOrder'(orderId: string): Promise<OrderRecord | null>;
  'orders.listOrders'(filter: OrderFilter): Promise<OrderRecord[]>;
};

const reads = proxyActivities<Reads>({
  taskQueue: 'orders',
  ...optionsOf('read'),
  scheduleToCloseTimeout: READ_BUDGET,
});

/** The order service's own record of an order, or null: also of orders whose history is no longer kept. */
export function findOrder(orderId: string): Promise<OrderRecord | null> {
  return reads['orders.findOrder'](orderId);
}

/** The newest orders first. */
export function listOrders(filter: OrderFilter): Promise<OrderRecord[]> {
  return reads['orders.listOrders'](filter);
}
