import type { Db } from 'mongodb';
import { createOutboxes } from '../activities/exchange/outbox.ts';
import type { Post, Subscriber } from '../activities/exchange/post.ts';
import { createInventoryService } from '../activities/inventory/announcing.ts';
import {
  DEFAULT_INVENTORY_LIMITS,
  type ReservationDocument,
  type StockDocument,
} from '../activities/inventory/documents.ts';
import { createInventory } from '../activities/inventory/participant.ts';
import { createOrderService } from '../activities/orders/announcing.ts';
import { createOrders } from '../activities/orders/participant.ts';
import type { Announcement } from '../domain/announcements.ts';
import { reportLateHold } from './report-late-hold.ts';

type EventType = Announcement['type'];

/** Takes one event. It is called at least once for each, perhaps out of order, and again until it succeeds. */
export type EventHandler = (event: Announcement) => Promise<void>;

/** Who reacts to which events, in the strategy `event-driven`. */
export interface Subscription {
  /** Its name, which shows in the Web UI: each delivery is the workflow `event/<event id>/<subscriber>`. */
  readonly subscriber: string;
  /** The service whose worker hosts it. */
  readonly host: 'orders' | 'inventory';
  readonly events: readonly EventType[];
  /** @param database The host's. */
  createHandler(database: Db, post: Post): EventHandler;
}

/** The one table that says who reacts to what. A new subscriber is one more row, and the file of its handler. */
export const subscriptions: readonly Subscription[] = [
  {
    subscriber: 'inventory',
    host: 'inventory',
    events: ['OrderPlaced', 'OrderConfirmed', 'OrderRejected', 'OrderCancelled'],
    createHandler: (database, post) => inventoryServiceOf(database, post).handleEvent,
  },
  {
    subscriber: 'orders',
    host: 'orders',
    events: ['StockReserved', 'StockRejected', 'StockSold', 'StockReleased'],
    createHandler: (database, post) => orderServiceOf(database, post).handleEvent,
  },
];

/** The handlers that a service's worker hosts, by the names of their activities (`inventory.onOrderPlaced`). */
export function handlersOf(
  service: Subscription['host'],
  table: readonly Subscription[],
  database: Db,
  post: Post,
): Record<string, EventHandler> {
  const hosted = table.filter(({ host }) => host === service);
  return Object.fromEntries(
    hosted.flatMap(({ subscriber, events, createHandler }) => {
      const handler = createHandler(database, post);
      return events.map((event) => [`${subscriber}.on${event}`, handler]);
    }),
  );
}

/** Who takes events of this type. */
export function subscribersOf(table: readonly Subscription[], type: EventType): Subscriber[] {
  return table.filter(({ events }) => events.includes(type));
}

/** The order service as others see it. */
export function orderServiceOf(database: Db, post: Post) {
  const orders = database.collection('orders');
  const outboxes = createOutboxes('orders', orders, post);
  return createOrderService(createOrders(database.collection('orders')), { outboxes, post });
}

/** The inventory as others see it. */
export function inventoryServiceOf(database: Db, post: Post) {
  const outboxes = createOutboxes('inventory', database.collection('reservations'), post);
  return createInventoryService(inventoryOf(database), { outboxes, post });
}

export function inventoryOf(database: Db) {
  const stock = database.collection<StockDocument>('stock');
  const reservations = database.collection<ReservationDocument>('reservations');
  return createInventory({ stock, reservations }, DEFAULT_INVENTORY_LIMITS, reportLateHold);
}
