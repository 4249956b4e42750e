import { type Announcement, comesAfter, partsOf } from '../domain/announcements.ts';
import type { Fact, Handled, Published } from './mailbox-reader.ts';

/** An event, and how far its subscribers are with it. */
export interface Publication {
  readonly event: Announcement;
  /** When it came to its mailbox, in ISO 8601, by Temporal's clock. */
  readonly publishedAt: string;
  readonly deliveries: Delivery[];
}

export interface Delivery {
  readonly subscriber: string;
  readonly handler: string;
  /** `replaced`: the subscriber has handled a later event of the order instead. */
  state: 'waiting' | 'delivered' | 'replaced';
  failures: number;
  lastError: string;
}

/** The events that mailboxes tell of; what comes of one mailbox must be entered in its order. */
export class EventBook {
  /** By order, and then in the order of publication. */
  private readonly orders = new Map<string, Publication[]>();
  private readonly orderId: string | undefined;

  /** @param orderId Only its events are entered; by default those of all orders. */
  constructor(orderId?: string) {
    this.orderId = orderId;
  }

  enter(facts: readonly Fact[]): void {
    for (const fact of facts) {
      if ('announcement' in fact) this.publish(fact);
      else for (const id of fact.batch) this.handle(id, fact);
    }
  }

  /** Returns all in the order of publication. Those of one order come from one mailbox, so they are in order already. */
  publications(): Publication[] {
    const all = [...this.orders.values()].flat();
    return all.sort((one, other) => one.publishedAt.localeCompare(other.publishedAt));
  }

  /** Forgets orders with nothing waiting, except the newest. */
  forgetSettled(limit: number): void {
    for (const [orderId, ofOrder] of [...this.orders].slice(0, -limit))
      if (!ofOrder.some(isOpen)) this.orders.delete(orderId);
  }

  private publish({ announcement: event, to, time }: Published): void {
    const { subject, id } = event;
    if (this.orderId !== undefined && this.orderId !== subject) return;
    const ofOrder = this.orders.get(subject) ?? [];
    const known = ofOrder.find((publication) => publication.event.id === id);
    const deliveries: Delivery[] = known?.deliveries ?? [];
    if (known === undefined) this.orders.set(subject, [...ofOrder, { event, publishedAt: time, deliveries }]);
    for (const { name: subscriber, handler } of to) {
      // A copy may be dropped, so that it changes nothing until it is handled.
      if (deliveries.some((delivery) => delivery.subscriber === subscriber)) continue;
      deliveries.push({ subscriber, handler, state: 'waiting', failures: 0, lastError: '' });
    }
  }

  private handle(id: string, { handler, errors }: Handled): void {
    const [orderId, type] = partsOf(id);
    const ofOrder = this.orders.get(orderId) ?? [];
    const own = ofOrder.find(({ event }) => event.id === id)?.deliveries;
    const delivery = own?.find((each) => each.handler === handler);
    if (delivery === undefined) return;
    const error = errors.get(id);
    if (error !== undefined) {
      Object.assign(delivery, { state: 'waiting', failures: delivery.failures + 1, lastError: error });
      return;
    }
    delivery.state = 'delivered';
    for (const { event, deliveries } of ofOrder) {
      const passed = deliveries.find(({ subscriber }) => subscriber === delivery.subscriber);
      if (passed?.state === 'waiting' && comesAfter(type, event.type)) passed.state = 'replaced';
    }
  }
}

export function isOpen({ deliveries }: Publication): boolean {
  return deliveries.some(({ state }) => state === 'waiting');
}
