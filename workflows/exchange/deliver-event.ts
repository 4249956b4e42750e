import { log, scheduleActivity } from '@temporalio/workflow';
import { type Announcement, parseAnnouncement } from '../../domain/announcements.ts';
import { identifier } from '../../domain/order.ts';
import { parse } from '../../domain/validation.ts';
import { settling } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';

export interface Delivery {
  readonly event: Announcement;
  readonly subscriber: string;
  /** The activity of this task queue that takes it, as the table of subscriptions names it. */
  readonly handler: string;
}

/** Hands one event to one of its subscribers, and doesn't give up. */
export async function deliverEvent(delivery: Delivery): Promise<void> {
  const { event, subscriber, handler } = asWorkflowFailure(() => ({
    event: parseAnnouncement(delivery?.event),
    subscriber: parse(identifier(), delivery?.subscriber, 'subscriber'),
    handler: parse(identifier(), delivery?.handler, 'handler'),
  }));
  await scheduleActivity(handler, [event], { ...settling, summary: `Hand ${event.type} to ${subscriber}` });
  log.info('event delivered', { orderId: event.subject, event: event.type, subscriber });
}
