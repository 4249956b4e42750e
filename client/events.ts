import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import type { AnnouncementType } from '../domain/announcements.ts';
import type { parseEventFilter } from '../domain/order-record.ts';
import { type Delivery, type DeliveryView, listDeliveries, viewOfDelivery } from './deliveries.ts';

type Filter = ReturnType<typeof parseEventFilter>;

/** An event that a service has published of an order, in the strategy `event-driven`. Times are ISO 8601. */
export interface OrderEvent {
  /** `<order id>/<type>` */
  readonly id: string;
  readonly type: AnnouncementType;
  readonly orderId: string;
  /** Who has published it: `/concord/orders` or `/concord/inventory`. */
  readonly source: string;
  /** When it was written, by the writer's clock. */
  readonly time: string;
  /** When the first subscriber's delivery began, by Temporal's clock. */
  readonly publishedAt: string;
  /** One for each subscriber. */
  readonly deliveries: readonly DeliveryView[];
}

/** Finds the newest events, in the order of publication by one clock, so that each comes after what it follows from. */
export async function findEvents(client: Client, filter: Filter): Promise<OrderEvent[]> {
  return viewsOf(client, await newest(client, filter));
}

/** Returns what to call again and again: it finds the newest events, then those that are new or have got on. */
export function eventFollower(client: Client, filter: Filter): () => Promise<OrderEvent[]> {
  let book: Book | undefined;
  let shown = new Set<string>();
  return async () => {
    book = book === undefined ? await newest(client, filter) : await caughtUp(client, filter, book);
    const views = await viewsOf(client, book);
    const news = views.filter((view) => !shown.has(JSON.stringify(view)));
    shown = new Set(views.map((view) => JSON.stringify(view)));
    return news;
  };
}

/** Deliveries by the ids of their events: one for each subscriber; if one was repeated, its last run. */
type Book = Map<string, readonly Delivery[]>;

function enter(book: Book, delivery: Delivery): void {
  const { event, subscriber, startedAt } = delivery;
  const deliveries = book.get(event.id) ?? [];
  const former = deliveries.find((other) => other.subscriber === subscriber);
  if (former !== undefined && former.startedAt > startedAt) return;
  book.set(event.id, [...deliveries.filter((other) => other !== former), delivery]);
}

async function newest(client: Client, { orderId, limit }: Filter): Promise<Book> {
  const book: Book = new Map();
  for await (const delivery of listDeliveries(client, orderId)) {
    // They come last ended first: what is still to come began before this one ended, so before enough others began.
    const { endedAt } = delivery;
    const countAfter = (time: number) => [...book.values()].filter((found) => beganAt(found) > time).length;
    if (endedAt !== undefined && countAfter(endedAt + OVERLAP) >= limit) break;
    enter(book, delivery);
  }
  return new Map(inOrder(book).slice(-limit));
}

async function caughtUp(client: Client, { orderId }: Filter, former: Book): Promise<Book> {
  // Everything up to the last of these times has been seen.
  const times = [...former.values()].flat().map(({ startedAt, endedAt }) => endedAt ?? startedAt);
  const since = Math.max(OVERLAP, ...times) - OVERLAP;
  const time = new Date(since).toISOString();
  // Those with a delivery that is under way, or was until lately.
  const book: Book = new Map(
    [...former].filter(([, deliveries]) => deliveries.some(({ endedAt = Infinity }) => endedAt > since)),
  );
  const recent = `(StartTime > '${time}' OR CloseTime > '${time}')`;
  for await (const delivery of listDeliveries(client, orderId, recent)) {
    // What was not among the newest at first, and only ends now, stays out.
    if (book.has(delivery.event.id) || delivery.startedAt > since) enter(book, delivery);
  }
  return book;
}

function viewsOf(client: Client, book: Book): Promise<OrderEvent[]> {
  const viewOf = async ([id, found]: [string, readonly Delivery[]]): Promise<OrderEvent> => {
    const sorted = found.toSorted((one, other) => (one.subscriber < other.subscriber ? -1 : 1));
    const [{ event }] = sorted as [Delivery, ...Delivery[]];
    const { type, subject: orderId, source, time } = event;
    const publishedAt = new Date(beganAt(found)).toISOString();
    const deliveries = await pMap(sorted, (delivery) => viewOfDelivery(client, delivery));
    return { id, type, orderId, source, time, publishedAt, deliveries };
  };
  return pMap(inOrder(book), viewOf, { concurrency: 16 });
}

function inOrder(book: Book): [string, readonly Delivery[]][] {
  return [...book].sort(([, one], [, other]) => beganAt(one) - beganAt(other));
}

function beganAt(deliveries: readonly Delivery[]): number {
  return Math.min(...deliveries.map(({ startedAt }) => startedAt));
}

/** How late Temporal's index may be with what it lists. Milliseconds. */
const OVERLAP = 5_000;
