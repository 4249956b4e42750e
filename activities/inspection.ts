import type { Collection } from 'mongodb';
import { parseOrder, sameContent } from '../domain/order.ts';
import type { Inspectable } from '../domain/resolution.ts';
import type { ReservationDocument } from './inventory/documents.ts';
import { READ_COMMITTED } from './mongodb/client.ts';
import type { OrderDocument } from './orders/participant.ts';

/** How far the order service is with an order. Another order of this id is none of ours: `unknown`. */
export function createOrderInspection(orders: Collection<OrderDocument>): Inspectable {
  return {
    async inspect(input) {
      const order = parseOrder(input);
      const { orderId } = order;
      const found = await orders.findOne({ _id: orderId }, READ_COMMITTED);
      if (found === null || !sameContent(order, { orderId, ...found })) return 'unknown';
      return found.status === 'pending' ? 'prepared' : found.status;
    },
  };
}

/** How far the inventory is with an order. Another order of this id is none of ours: `unknown`. */
export function createInventoryInspection(reservations: Collection<ReservationDocument>): Inspectable {
  return {
    async inspect(input) {
      const order = parseOrder(input);
      const { orderId } = order;
      const found = await reservations.findOne({ _id: orderId }, READ_COMMITTED);
      if (found === null || !sameContent(order, { orderId, ...found })) return 'unknown';
      if (found.decision !== null) return found.decision === 'commit' ? 'confirmed' : 'rolled-back';
      return found.prepared ? 'prepared' : 'preparing';
    },
  };
}
