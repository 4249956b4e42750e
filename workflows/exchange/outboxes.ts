import type { Source } from '../../domain/announcements.ts';
import type { Envelope } from '../../domain/envelopes.ts';
import { SWEEP_BUDGET } from '../../domain/policies.ts';
import { inBatches, inventory, orders, settling } from '../contract/activities.ts';

/** The outboxes of a service, as a mailbox uses them. */
interface Outboxes {
  readonly find: (orderIds: readonly string[]) => Promise<readonly Envelope[]>;
  /** All their receivers have these. */
  readonly confirm: (announcementIds: readonly string[]) => Promise<void>;
}

// A service that is down doesn't keep the other's outboxes full.
const confirming = { ...inBatches, scheduleToCloseTimeout: SWEEP_BUDGET };

export const outboxes: Readonly<Record<Source, Outboxes>> = {
  '/concord/orders': {
    find: orders(settling)['orders.findAnnouncements'],
    confirm: orders(confirming)['orders.confirmPublished'],
  },
  '/concord/inventory': {
    find: inventory(settling)['inventory.findAnnouncements'],
    confirm: inventory(confirming)['inventory.confirmPublished'],
  },
};

export const sources = Object.keys(outboxes) as Source[];
