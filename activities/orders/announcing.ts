import type { Announcement } from '../../domain/announcements.ts';
import {
  announcementOfOrders,
  announcementOfOutcome,
  parseAnnouncement,
} from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import type { DecideRequest, ParticipantRequest } from '../../domain/participant.ts';
import { parseDecideRequest, parseParticipantRequest, refusalsOf } from '../../domain/participant.ts';
import { handleBatch } from '../exchange/batch.ts';
import type { Outboxes } from '../exchange/outbox.ts';
import type { Post } from '../exchange/post.ts';
import type { Orders } from './participant.ts';

/** The order service as it tells others what it does, by the outbox that each of its writes fills. */
export function createOrderService(
  orders: Pick<Orders, 'prepare' | 'decide'>,
  { outboxes, post }: { readonly outboxes: Outboxes; readonly post: Post },
) {
  return {
    // An announcement is made of what a request must have, whatever else came with it.
    async prepare(input: ParticipantRequest): Promise<void> {
      const request = parseParticipantRequest(input);
      await orders.prepare(request);
      const placed = announcementOfOrders('prepare', request);
      if (placed !== undefined) await post.publish(placed);
    },

    async decide(input: DecideRequest): Promise<OrderOutcome> {
      const request = parseDecideRequest(input);
      const outcome = await orders.decide(request);
      // What is on record is told, whatever was asked for.
      const decided = announcementOfOutcome(request, outcome);
      if (decided !== undefined) await announce(decided);
      return outcome;
    },

    /** Says again what may have been lost. */
    announce: async (input: Announcement) => announce(parseAnnouncement(input)),

    handle: (batch: readonly Announcement[]) => handleBatch(batch, handle, post),
  };

  /** Events go out in order, so that those before it go first, which may have been left behind. */
  async function announce(announcement: Announcement): Promise<void> {
    const { id, subject, data } = announcement;
    const recorded = data.strategy === 'event-driven' ? await outboxes.read(subject) : [];
    for (const former of recorded) if (former.id !== id) await post.publish(former);
    await post.publish(announcement);
  }

  async function handle(input: Announcement): Promise<readonly Announcement[]> {
    const { type, data } = parseAnnouncement(input);
    const status = STATUSES[type];
    if (status === undefined) return []; // of no concern to the order service
    const request = parseDecideRequest({ ...data, status });
    const outcome = await decideByEvent(request);
    await post.tell(outcome);
    const decided = announcementOfOutcome(request, outcome);
    return decided === undefined ? [] : [decided];
  }

  /** An event can be refused to nobody, so it waits until the order can be decided. */
  async function decideByEvent(request: DecideRequest): Promise<OrderOutcome> {
    try {
      return await orders.decide(request);
    } catch (error) {
      if (!(error instanceof ConcordError) || !UNDECIDABLE.includes(error.code)) throw error;
      throw refusalsOf('orders').attemptExpired(request.order.orderId);
    }
  }
}

const STATUSES: Partial<Record<Announcement['type'], OrderOutcome['status']>> = {
  StockReserved: 'confirmed',
  StockRejected: 'rejected',
};

const UNDECIDABLE: readonly string[] = ['ProtocolViolation', 'LeftUndecided'];
