import type { Announcement } from '../../domain/announcements.ts';
import {
  announcementOfOrders,
  announcementOfOutcome,
  parseAnnouncement,
} from '../../domain/announcements.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import type { DecideRequest, ParticipantRequest, RollbackRequest } from '../../domain/participant.ts';
import { parseDecideRequest, parseParticipantRequest, refusalsOf } from '../../domain/participant.ts';
import type { Outboxes } from '../exchange/outbox.ts';
import { handOver, type Post } from '../exchange/post.ts';
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
      await tell(announcementOfOrders('prepare', request)); // removed with what settles the order
    },

    decide: (input: DecideRequest) => decide(parseDecideRequest(input)),

    /** Says again what may have been lost. */
    announce: async (input: Announcement) => handOver(post, parseAnnouncement(input)),

    /** Reacts to an event of the inventory. */
    async handleEvent(input: Announcement): Promise<void> {
      const event = parseAnnouncement(input);
      const { type, data } = event;
      if (type === 'StockReserved') await post.tell(await decideByEvent({ ...data, status: 'confirmed' }));
      else if (type === 'StockRejected')
        await post.tell(await decideByEvent({ ...data, status: 'rejected' } as RollbackRequest));
      else await post.send(event); // settled: the order's own workflow waits for it
    },
  };

  async function decide(request: DecideRequest): Promise<OrderOutcome> {
    const outcome = await orders.decide(request);
    // What is on record is told, whatever was asked for.
    await tell(announcementOfOutcome(request, outcome));
    // Nothing is written after this, and messages have no relay, so this also empties the outbox.
    if (request.strategy === 'message-queue') await outboxes.clear(request.order);
    return outcome;
  }

  /** An event can be refused to nobody, so it waits until the order can be decided. */
  async function decideByEvent(request: DecideRequest): Promise<OrderOutcome> {
    try {
      return await decide(request);
    } catch (error) {
      if (!(error instanceof ConcordError) || !UNDECIDABLE.includes(error.code)) throw error;
      throw refusalsOf('orders').attemptExpired(request.order.orderId);
    }
  }

  async function tell(announcement: Announcement | undefined): Promise<void> {
    if (announcement !== undefined) await outboxes.dispatch(announcement);
  }
}

const UNDECIDABLE: readonly string[] = ['ProtocolViolation', 'LeftUndecided'];
