import type { Collection } from 'mongodb';
import { type Announcement, parseAnnouncement } from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { Line, Order } from '../../domain/order.ts';
import { READ_COMMITTED } from '../mongodb/client.ts';
import { handOver, type Post } from './post.ts';

/** A document per order, with what is still to be told of it, oldest first. */
interface OutboxDocument {
  _id: string;
  customerId: string;
  lines: Line[];
  outbox?: Announcement[];
}

/**
 * The outboxes of one service. An announcement is written together with the state that it tells of, and removed when it
 * has been handed over, by the next write to its document where one will come: at least once, in order for each order.
 *
 * Source of the pattern: transactional outbox, Chris Richardson, Microservices Patterns.
 */
export interface Outboxes {
  /** Hands over what is in an order's outbox, in order and each by its strategy's way, and then removes it. */
  empty(orderId: string): Promise<void>;
  /** True where an order's outbox has nothing in it. */
  isEmpty(orderId: string): Promise<boolean>;
  /** Orders whose outbox is not empty, at most so many. */
  findFull(limit: number): Promise<string[]>;
  /** Sees that what was just put into an order's outbox goes out by its strategy's way: a message now, an event soon. */
  dispatch(announcement: Announcement): Promise<void>;
  /** Removes all that is in the outbox of just this order, not of another one of its id; it must have been handed over. */
  clear(order: Order): Promise<void>;
}

/** @param service Whose relay publishes these outboxes. */
export function createOutboxes(service: string, collection: Collection, post: Post): Outboxes {
  const documents = collection as unknown as Collection<OutboxDocument>;

  return {
    async empty(orderId) {
      const found = await documents.findOne(
        { _id: orderId },
        { ...READ_COMMITTED, projection: { outbox: 1 } },
      );
      const waiting = found?.outbox ?? [];
      if (!Array.isArray(waiting)) throw damagedOutbox();
      for (const announcement of waiting) {
        // One that somebody has changed is refused as such, so that it counts as this order's own trouble.
        parseAnnouncement(announcement);
        await handOver(post, announcement);
      }
      if (waiting.length === 0) return;
      const ids = waiting.map(({ id }) => id);
      await documents.updateOne({ _id: orderId }, { $pull: { outbox: { id: { $in: ids } } } });
    },

    async isEmpty(orderId) {
      const full = { _id: orderId, 'outbox.0': { $exists: true } };
      return (await documents.findOne(full, { ...READ_COMMITTED, projection: { _id: 1 } })) === null;
    },

    async findFull(limit) {
      const found = documents
        .find({ 'outbox.0': { $exists: true } }, { ...READ_COMMITTED, projection: { _id: 1 } })
        .limit(limit);
      return (await found.toArray()).map(({ _id }) => _id);
    },

    // Who is at it repeats the step until this has succeeded, so a message needs no look into the outbox.
    dispatch: (announcement) =>
      announcement.data.strategy === 'message-queue'
        ? post.send(announcement)
        : post.wake(service, announcement.subject),

    async clear({ orderId, customerId, lines }) {
      await documents.updateOne({ _id: orderId, customerId, lines: [...lines] }, { $set: { outbox: [] } });
    },
  };
}

function damagedOutbox(): ConcordError {
  return new ConcordError('InvalidInput', { problems: [{ field: 'outbox', fix: 'it must be a list' }] });
}
