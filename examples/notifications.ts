import type { Collection } from 'mongodb';
import { insertUnlessPresent, READ_COMMITTED } from '../activities/mongodb/client.ts';
import { type Announcement, parseAnnouncement } from '../domain/announcements.ts';
import { defined } from '../domain/defined.ts';
import type { FinalStatus } from '../domain/order.ts';
import type { EventHandler, Subscription } from '../workers/subscriptions.ts';

/**
 * A subscriber that tells customers how their orders have ended. It takes one more row in the table of
 * `workers/subscriptions.ts`:
 *
 *     notificationsTo((notification) => mailer.send(notification, { idempotencyKey: notification.id })),
 *
 * It promises that every customer is told of every outcome, and never of one that isn't on record, because the event was
 * written together with it. Once recorded as sent, it is not sent again, however often the event is delivered. A worker that
 * dies between sending and recording sends once more, and so may an attempt that outlasts its 5 seconds: nobody can do better
 * with an effect outside the own database. Both carry the same id: a `send` that passes it on as the idempotency key, as mail
 * and payment providers take one, has its effect once.
 */
export function notificationsTo(send: Send): Subscription {
  return {
    subscriber: 'notifications',
    host: 'orders',
    takes: ['OrderConfirmed', 'OrderRejected', 'OrderCancelled'],
    createHandler: (database) => createNotifications(database.collection('notifications'), send),
  };
}

/** Tells a customer. It is called until it succeeds; one that waits for an answer must give up within 5 seconds. */
export type Send = (notification: Notification) => Promise<void>;

/** How an order has ended, for its customer. */
export interface Notification {
  /** The event's: the idempotency key. */
  readonly id: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly status: FinalStatus;
  /** Says why, if the order was not confirmed. */
  readonly message?: string;
}

/** A notification that has been sent, by the event's id. */
export interface NotificationDocument extends Omit<Notification, 'id'> {
  readonly _id: string;
  readonly sentAt: Date;
}

function createNotifications(sent: Collection<NotificationDocument>, send: Send): EventHandler {
  return async (input) => {
    const event = parseAnnouncement(input);
    if ((await sent.findOne({ _id: event.id }, READ_COMMITTED)) !== null) return;
    const notification = notificationOf(event);
    await send(notification);
    const { id: _id, ...rest } = notification;
    await insertUnlessPresent(sent, { _id, ...rest, sentAt: new Date() });
  };
}

function notificationOf({ id, data }: Announcement): Notification {
  const { orderId, customerId } = data.order;
  const status: FinalStatus = data.status ?? 'confirmed';
  return defined({ id, orderId, customerId, status, message: data.reason?.message });
}
