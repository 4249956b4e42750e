import type { Db } from 'mongodb';
import type { Post, Subscriber } from '../activities/exchange/post.ts';
import type { InventoryActivities } from '../activities/inventory/activities.ts';
import type { OrderActivities } from '../activities/orders/activities.ts';
import type { Announcement, AnnouncementType } from '../domain/announcements.ts';
import type { ServiceName } from '../domain/services.ts';

/** Takes an event: called at least once for each, perhaps out of order, and again until it succeeds. */
export type EventHandler = (event: Announcement) => Promise<void>;

/** Who reacts to which events, in the strategy `event-driven`. */
export interface Subscription {
  /** Its name, which shows in the Web UI: each delivery is the workflow `event/<event id>/<subscriber>`. */
  readonly subscriber: string;
  /** The service whose worker hosts it. */
  readonly host: ServiceName;
  /** The name of the activity that takes each event. */
  readonly handlers: Handlers<string>;
  /** The handler behind these activities; absent if they are the host's own. @param database The host's. */
  createHandler?(database: Db, post: Post): EventHandler;
}

type Handlers<Name extends string> = Readonly<Partial<Record<AnnouncementType, Name>>>;

/** Who reacts to what. A new subscriber is one more row, and the file of its handler. */
export const subscriptions: readonly Subscription[] = [
  {
    subscriber: 'inventory',
    host: 'inventory',
    handlers: {
      OrderPlaced: 'inventory.onOrderPlaced',
      OrderConfirmed: 'inventory.onOrderConfirmed',
      OrderRejected: 'inventory.onOrderRejected',
      OrderCancelled: 'inventory.onOrderCancelled',
    } satisfies Handlers<keyof InventoryActivities>,
  },
  {
    subscriber: 'orders',
    host: 'orders',
    handlers: {
      StockReserved: 'orders.onStockReserved',
      StockRejected: 'orders.onStockRejected',
      StockSold: 'orders.onStockSold',
      StockReleased: 'orders.onStockReleased',
    } satisfies Handlers<keyof OrderActivities>,
  },
];

/** The activities that a service's worker hosts for further subscribers. */
export function hostedHandlers(service: string, table: readonly Subscription[], database: Db, post: Post) {
  return Object.fromEntries(
    table.flatMap(({ host, handlers, createHandler }) => {
      if (host !== service || createHandler === undefined) return [];
      const handler = createHandler(database, post);
      return Object.values(handlers).map((activity) => [activity, handler]);
    }),
  );
}

export function subscribersOf(table: readonly Subscription[], type: AnnouncementType): Subscriber[] {
  return table.flatMap(({ subscriber, host, handlers: { [type]: handler } }) =>
    handler === undefined ? [] : [{ subscriber, host, handler }],
  );
}
