import type { Client } from '@temporalio/client';
import pMap from 'p-map';
import type { AnnouncementType } from '../domain/announcements.ts';
import { ofOrder } from '../platform/visibility/executions.ts';
import { type Delivery, type DeliveryView, listDeliveries, viewOfDelivery } from './deliveries.ts';
import type { CheckedEventFilter as Filter } from './event-filter.ts';

/** What a service has published of an order, in the strategy `event-driven`. Times are ISO 8601. */
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

/** The newest events, in the order of publication by one clock, so that each comes after what it follows from. */
export async function findEvents(client: Client, filter: Filter): Promise<OrderEvent[]> {
  return viewsOf(client, await newest(client, filter));
}

/** Looks for events again and again. */
export class EventFollower {
  private readonly client: Client;
  private readonly filter: Filter;
  private readonly shown = new Map<string, string>();
  private book: Book | undefined;
  /** Everything up to then has been seen. Milliseconds since 1970, by Temporal's clock. */
  private seenUntil = 0;

  constructor(client: Client, filter: Filter) {
    this.client = client;
    this.filter = filter;
  }

  /** At first the newest events; then those that are new, or whose deliveries have got on. */
  async look(): Promise<OrderEvent[]> {
    this.book =
      this.book === undefined ? await newest(this.client, this.filter) : await this.caughtUp(this.book);
    const times = [...this.book.values()].flatMap(timesOf);
    this.seenUntil = Math.max(this.seenUntil, ...times);
    const events = await viewsOf(this.client, this.book);
    return events.filter((event) => this.isNews(event));
  }

  private async caughtUp(book: Book): Promise<Book> {
    const since = Math.max(0, this.seenUntil - OVERLAP);
    const time = new Date(since).toISOString();
    const recent = ` AND (StartTime > '${time}' OR CloseTime > '${time}')`;
    const next: Book = new Map([...book].filter(([, deliveries]) => isOpen(deliveries, since)));
    for await (const delivery of listDeliveries(this.client, ofOrder(this.filter.orderId) + recent)) {
      // What was not among the newest at first, and only ends now, stays out.
      if (next.has(delivery.event.id) || delivery.startedAt > since) enter(next, delivery);
    }
    for (const id of this.shown.keys()) if (!next.has(id)) this.shown.delete(id);
    return next;
  }

  private isNews(event: OrderEvent): boolean {
    const now = JSON.stringify(event);
    if (this.shown.get(event.id) === now) return false;
    this.shown.set(event.id, now);
    return true;
  }
}

/** Deliveries by the ids of their events and by subscriber; where one was repeated, its last run. */
type Book = Map<string, Map<string, Delivery>>;

function enter(book: Book, delivery: Delivery): void {
  const { event, subscriber, startedAt } = delivery;
  const deliveries = book.get(event.id) ?? new Map<string, Delivery>();
  book.set(event.id, deliveries);
  if ((deliveries.get(subscriber)?.startedAt ?? 0) <= startedAt) deliveries.set(subscriber, delivery);
}

async function newest(client: Client, { orderId, limit }: Filter): Promise<Book> {
  const book: Book = new Map();
  for await (const delivery of listDeliveries(client, ofOrder(orderId))) {
    // They come last ended first: what is still to come began before this one ended, so before enough others began.
    const { endedAt } = delivery;
    if (endedAt !== undefined && isFullFrom(book, endedAt + OVERLAP, limit)) break;
    enter(book, delivery);
  }
  return new Map(inOrder(book).slice(-limit));
}

function isFullFrom(book: Book, time: number, limit: number): boolean {
  if (book.size < limit) return false;
  return [...book.values()].filter((deliveries) => beganAt(deliveries) > time).length >= limit;
}

function viewsOf(client: Client, book: Book): Promise<OrderEvent[]> {
  return pMap(
    inOrder(book),
    async ([id, found]) => {
      const [{ event }] = [...found.values()] as [Delivery, ...Delivery[]];
      const { type, subject: orderId, source, time } = event;
      const publishedAt = new Date(beganAt(found)).toISOString();
      const bySubscriber = [...found.values()].sort((one, other) =>
        one.subscriber < other.subscriber ? -1 : 1,
      );
      const deliveries = await pMap(bySubscriber, (delivery) => viewOfDelivery(client, delivery));
      return { id, type, orderId, source, time, publishedAt, deliveries };
    },
    AT_ONCE,
  );
}

function inOrder(book: Book): [string, Map<string, Delivery>][] {
  return [...book].sort(([, one], [, other]) => beganAt(one) - beganAt(other));
}

function beganAt(deliveries: ReadonlyMap<string, Delivery>): number {
  return Math.min(...[...deliveries.values()].map(({ startedAt }) => startedAt));
}

function timesOf(deliveries: ReadonlyMap<string, Delivery>): number[] {
  return [...deliveries.values()].map(({ startedAt, endedAt }) => endedAt ?? startedAt);
}

/** True where a delivery is under way, or was until lately. */
function isOpen(deliveries: ReadonlyMap<string, Delivery>, since: number): boolean {
  return [...deliveries.values()].some(({ endedAt = Number.POSITIVE_INFINITY }) => endedAt > since);
}

const AT_ONCE = { concurrency: 16 };
/** How late Temporal's index may be with what it lists. Milliseconds. */
const OVERLAP = 5_000;
