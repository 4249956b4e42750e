import type { Announcement, Source } from '../../domain/announcements.ts';
import { inventory, orders, settling, sweeping } from '../contract/activities.ts';

/** The outboxes of a service, as a mailbox uses them. */
interface Outboxes {
  readonly find: (announcementIds: readonly string[]) => Promise<readonly Announcement[]>;
  /** All their receivers have these. */
  readonly confirm: (announcementIds: readonly string[]) => Promise<void>;
}

export const outboxes: Readonly<Record<Source, Outboxes>> = {
  '/concord/orders': {
    find: orders(settling)['orders.findAnnouncements'],
    confirm: orders(sweeping)['orders.confirmPublished'],
  },
  '/concord/inventory': {
    find: inventory(settling)['inventory.findAnnouncements'],
    confirm: inventory(sweeping)['inventory.confirmPublished'],
  },
};

export const sources = Object.keys(outboxes) as Source[];
