import { parseStuckOptions, type StuckLimits } from '../../domain/stuck-step.ts';
import { tellStuckOrders } from '../../platform/visibility/tell-stuck-orders.ts';
import type { ServiceDependencies } from '../dependencies.ts';
import { createOutboxes } from '../exchange/outbox.ts';
import { FULL_OUTBOXES, type Indexes } from '../mongodb/indexes.ts';
import { createOrderService } from './announcing.ts';
import { createOrders } from './participant.ts';

/** All activities of the order service, by the names that the Web UI shows. */
export type OrderActivities = ReturnType<typeof createOrderActivities>;

export function createOrderActivities({ database, post, coordinators, client, report }: ServiceDependencies) {
  const orders = createOrders(database.collection('orders'));
  const outboxes = createOutboxes(database.collection('orders'), { post, report });
  const service = createOrderService(orders, { outboxes, post });
  return {
    'orders.prepare': service.prepare,
    'orders.decide': service.decide,
    'orders.announce': service.announce,
    'orders.handle': service.handle,
    'orders.confirmPublished': outboxes.confirmPublished,
    'orders.findAnnouncements': outboxes.findAnnouncements,
    'orders.publishLeftBehind': outboxes.publishLeftBehind,
    'orders.findOrder': orders.findOrder,
    'orders.listOrders': orders.listOrders,
    'orders.inspect': orders.inspect,
    'orders.findCoordinator': coordinators.findCoordinator,
    'orders.tellStuckOrders': (limits: StuckLimits) =>
      tellStuckOrders(client, parseStuckOptions(limits), report),
  };
}

/** What lists and a sweep need. Each list is by one filter, of which the database takes the best, in the order of a list. */
export const orderIndexes: Indexes = {
  orders: [
    { key: { createdAt: -1, _id: 1 } },
    { key: { customerId: 1, createdAt: -1, _id: 1 } },
    { key: { status: 1, createdAt: -1, _id: 1 } },
    { key: { strategy: 1, createdAt: -1, _id: 1 } },
    FULL_OUTBOXES,
  ],
};
