import type { Db } from 'mongodb';
import { handleBatch } from '../activities/exchange/batch.ts';
import type { Post } from '../activities/exchange/post.ts';
import type { Announcement, AnnouncementType } from '../domain/announcements.ts';
import { defined } from '../domain/defined.ts';
import { type BatchHandler, parseReceivers, type Receiver } from '../domain/envelopes.ts';
import type { ServiceName } from '../domain/services.ts';

/** Takes an event: called at least once for each, those of one order in order, and again until it succeeds. */
export type EventHandler = (event: Announcement) => Promise<void>;

/** Who takes which announcements. */
export interface Subscription {
  /** Its name, which shows in the Web UI. Its worker takes whatever waits for it by the activity `<name>.handle`. */
  readonly subscriber: string;
  /** The service whose worker hosts it. */
  readonly host: ServiceName;
  readonly takes: readonly AnnouncementType[];
  /** Of an order, only the latest that waits matters to it; by default it gets each, in order. */
  readonly onlyLatest?: boolean;
  /** What takes each event; absent if the host's own activities do. @param database The host's. */
  createHandler?(database: Db, post: Post): EventHandler;
}

/** Who reacts to what. A new subscriber is one more row, and the file of its handler. */
export const subscriptions: readonly Subscription[] = [
  {
    subscriber: 'inventory',
    host: 'inventory',
    takes: [
      // Messages, in the strategy `message-queue`.
      ...(['ReserveStock', 'SellStock', 'ReleaseStock'] as const),
      // Events, in the strategy `event-driven`.
      ...(['OrderPlaced', 'OrderConfirmed', 'OrderRejected', 'OrderCancelled'] as const),
    ],
    onlyLatest: true,
  },
  { subscriber: 'orders', host: 'orders', takes: ['StockReserved', 'StockRejected'] },
];

/** Refuses a table by which mailboxes would drop announcements, for all who take them. @throws ConcordError `InvalidInput` */
export function checkSubscriptions(table: readonly Subscription[]): void {
  for (const type of table.flatMap(({ takes }) => takes))
    parseReceivers(receiversOf(table, type), `subscribers of ${type}`);
}

/** The activities that a service's worker hosts for further subscribers. */
export function hostedHandlers(service: string, table: readonly Subscription[], database: Db, post: Post) {
  const hosted = table.flatMap(({ subscriber, host, createHandler }) => {
    if (host !== service || createHandler === undefined) return [];
    const handler = createHandler(database, post);
    const handle = async (event: Announcement) => {
      await handler(event);
      return [];
    };
    const handleAll: BatchHandler = (batch) => handleBatch(batch, handle, post);
    return [[activityOf(subscriber), handleAll] as const];
  });
  return Object.fromEntries(hosted);
}

export function receiversOf(table: readonly Subscription[], type: AnnouncementType): Receiver[] {
  return table
    .filter(({ takes }) => takes.includes(type))
    .map(({ subscriber: name, host, onlyLatest }) =>
      defined({ name, host, handler: activityOf(name), onlyLatest }),
    );
}

const activityOf = (subscriber: string): string => `${subscriber}.handle`;
