import type { Envelope } from '../../domain/envelopes.ts';
import { SWEEP_BUDGET } from '../../domain/policies.ts';
import { inBatches, inventory, orders, settling } from '../contract/activities.ts';

/** Returns what is in the outboxes of these orders, in both services. */
export async function findInOutboxes(orderIds: readonly string[]): Promise<readonly Envelope[]> {
  const found = await Promise.all([
    orders(settling)['orders.findAnnouncements'](orderIds),
    inventory(settling)['inventory.findAnnouncements'](orderIds),
  ]);
  return found.flat();
}

/** Takes announcements out of the outboxes, whichever they are in. Fails if a service is down for long. */
export async function removeFromOutboxes(announcementIds: readonly string[]): Promise<void> {
  const options = { ...inBatches, scheduleToCloseTimeout: SWEEP_BUDGET };
  await Promise.all([
    orders(options)['orders.confirmPublished'](announcementIds),
    inventory(options)['inventory.confirmPublished'](announcementIds),
  ]);
}
