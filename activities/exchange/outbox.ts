import type { Collection } from 'mongodb';
import { type Announcement, parseAnnouncement } from '../../domain/announcements.ts';
import type { Line, Order } from '../../domain/order.ts';
import { invalidInput } from '../../domain/validation.ts';
import { READ_COMMITTED } from '../mongodb/client.ts';
import { contentOf } from '../mongodb/order-content.ts';
import { handleEach, type Unhandled } from './batch.ts';
import { handOver, type Post } from './post.ts';

/** A document per order, with what is still to be told of it, oldest first. */
interface OutboxDocument {
  _id: string;
  customerId: string;
  lines: Line[];
  outbox?: Announcement[];
}

/**
 * The outboxes of one service. An announcement is written together with the state that it tells of. It is removed when it
 * has been handed over, by the next write to its document if one will come: at least once, in order for each order.
 * Source of the pattern: transactional outbox, Chris Richardson, Microservices Patterns.
 */
export type Outboxes = ReturnType<typeof createOutboxes>;

/** @param service The service whose relay publishes these outboxes. */
export function createOutboxes(service: string, documents: Collection<OutboxDocument>, post: Post) {
  const full = { 'outbox.0': { $exists: true } };
  const onlyIds = { ...READ_COMMITTED, projection: { _id: 1 } };

  return {
    /** Hands over what is in an order's outbox, in order and each by its strategy's way, and then removes it. */
    async empty(orderId: string): Promise<void> {
      const projection = { outbox: 1 };
      const found = await documents.findOne({ _id: orderId }, { ...READ_COMMITTED, projection });
      const waiting = found?.outbox ?? [];
      if (!Array.isArray(waiting)) throw invalidInput('outbox', 'it must be a list');
      for (const announcement of waiting) {
        // One that somebody has changed is refused as such, so that it counts as a failure of this order alone.
        parseAnnouncement(announcement);
        await handOver(post, announcement);
      }
      if (waiting.length === 0) return;
      const ids = waiting.map(({ id }) => id);
      await documents.updateOne({ _id: orderId }, { $pull: { outbox: { id: { $in: ids } } } });
    },

    async isEmpty(orderId: string): Promise<boolean> {
      return (await documents.findOne({ _id: orderId, ...full }, onlyIds)) === null;
    },

    /** Returns at most `limit` orders whose outbox is not empty. */
    async findFull(limit: number): Promise<string[]> {
      const found = await documents.find(full, onlyIds).limit(limit).toArray();
      return found.map(({ _id }) => _id);
    },

    /**
     * Sees that what was just put into an order's outbox goes out: a message now, an event soon. The caller repeats its step
     * until this has succeeded, so a message needs no look into the outbox.
     */
    dispatch: (announcement: Announcement): Promise<void> =>
      announcement.data.strategy === 'message-queue'
        ? post.send(announcement)
        : post.wake(service, announcement.subject),

    /** Removes all that is in the outbox of just this order, not of another one of its id; it must have been handed over. */
    async clear(order: Order): Promise<void> {
      await documents.updateOne(contentOf(order), { $set: { outbox: [] } });
    },
  };
}

/** Publishes what a service has put into its outboxes. */
export function createRelay(outboxes: Outboxes) {
  return {
    /** Publishes the events of these orders, each order's in order; returns the orders that must be tried again. */
    publish(orderIds: readonly string[]): Promise<Unhandled[]> {
      const orders = orderIds.map((id) => ({ id }));
      // This also finds messages that nobody has sent: they must not go out as events, which nobody takes.
      return handleEach(orders, ({ id }) => outboxes.empty(id), { concurrency: ORDERS_AT_ONCE });
    },
    /** Finds orders with something to publish, of which the relay may never have been told. */
    findUnpublished: (): Promise<string[]> => outboxes.findFull(MAXIMUM_UNPUBLISHED),
  };
}

export type Relay = ReturnType<typeof createRelay>;

const ORDERS_AT_ONCE = 25;
// Their ids fit into one payload; a relay finds the rest when it begins anew.
const MAXIMUM_UNPUBLISHED = 10_000;

/** The part of an update that puts an announcement into the outbox; empty if there is nothing to tell. */
export function pushed(announcement: Announcement | undefined): { $push?: { outbox: Announcement } } {
  return announcement === undefined ? {} : { $push: { outbox: announcement } };
}
