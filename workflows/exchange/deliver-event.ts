import { log, scheduleActivity } from '@temporalio/workflow';
import { type Announcement, parseAnnouncement } from '../../domain/announcements.ts';
import { identifier } from '../../domain/order.ts';
import { parse } from '../../domain/validation.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { optionsOf } from '../order/participants.ts';

/** One event, for one of its subscribers. */
export interface Delivery {
  readonly event: Announcement;
  /** Whose handler takes it: the activity `<subscriber>.on<event type>` of this task queue. */
  readonly subscriber: string;
}

/** Hands one event to one subscriber, and doesn't give up. */
export async function deliverEvent(delivery: Delivery): Promise<void> {
  const { event, subscriber } = asWorkflowFailure(() => ({
    event: parseAnnouncement(delivery?.event),
    subscriber: parse(identifier(), delivery?.subscriber, 'subscriber'),
  }));
  const options = { ...optionsOf('settle'), summary: `Hand ${event.type} to ${subscriber}` };
  await scheduleActivity(`${subscriber}.on${event.type}`, [event], options);
  log.info('event delivered', { orderId: event.subject, event: event.type, subscriber });
}
