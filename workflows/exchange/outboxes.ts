import type { Envelope } from '../../domain/envelopes.ts';
import { inventory, orders, settling } from '../contract/activities.ts';

/** Returns what is in the outboxes of these orders, in both services. */
export async function findInOutboxes(orderIds: readonly string[]): Promise<readonly Envelope[]> {
  const found = await Promise.all([
    orders(settling)['orders.findAnnouncements'](orderIds),
    inventory(settling)['inventory.findAnnouncements'](orderIds),
  ]);
  return found.flat();
}

/** Takes announcements out of the outboxes, whichever they are in. Waits for a service that is down. */
export async function removeFromOutboxes(announcementIds: readonly string[]): Promise<void> {
  await Promise.all([
    orders(settling)['orders.confirmPublished'](announcementIds),
    inventory(settling)['inventory.confirmPublished'](announcementIds),
  ]);
}
