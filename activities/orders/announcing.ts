import { type Announcement, announcementOfOrders, parseAnnouncement } from '../../domain/announcements.ts';
import { ConcordError, type FailureCode } from '../../domain/errors.ts';
import { type FinalStatus, type OrderOutcome, type Reason, sameContent } from '../../domain/order.ts';
import {
  type Participant,
  type ParticipantRequest,
  parseParticipantRequest,
  parseRollbackRequest,
  type RollbackRequest,
} from '../../domain/participant.ts';
import type { Outboxes } from '../exchange/outbox.ts';
import { handOver, type Post } from '../exchange/post.ts';
import type { OrderReads } from './participant.ts';

/** How an order shall end, unless it has ended already. */
export interface DecideRequest extends ParticipantRequest {
  readonly status: FinalStatus;
  readonly reason?: Reason;
}

export interface OrderService extends Participant {
  /** Settles an order that is pending, and returns what is on record then: this, or what was faster. */
  decide(request: DecideRequest): Promise<OrderOutcome>;
  /** Says again what may have been lost. */
  announce(announcement: Announcement): Promise<void>;
  /** Reacts to an event of the inventory. */
  handleEvent(event: Announcement): Promise<void>;
}

/** The order service as it tells others what it does, by the outbox that each of its writes fills. */
export function createOrderService(
  orders: Participant & OrderReads,
  { outboxes, post }: { readonly outboxes: Outboxes; readonly post: Post },
): OrderService {
  // An announcement is made of what a request must have, whatever else came with it.
  const participant: Participant = {
    async prepare(input) {
      const request = parseParticipantRequest(input);
      await orders.prepare(request);
      await tell('prepare', request); // removed with what settles the order
    },
    async commit(input) {
      const request = parseParticipantRequest(input);
      await orders.commit(request);
      await tellAll('commit', request);
    },
    async rollback(input) {
      const request = parseRollbackRequest(input);
      await orders.rollback(request);
      await tellAll('rollback', request);
    },
  };

  return {
    ...participant,
    decide,

    announce: async (input) => handOver(post, parseAnnouncement(input)),

    async handleEvent(input) {
      const event = parseAnnouncement(input);
      const { type, data } = event;
      if (type === 'StockReserved') await post.tell(await decide({ ...data, status: 'confirmed' }));
      else if (type === 'StockRejected') await post.tell(await decide({ ...data, status: 'rejected' }));
      else await post.send(event); // settled: the order's own workflow waits for it
    },
  };

  async function tell(step: keyof Participant, request: ParticipantRequest): Promise<void> {
    const announcement = announcementOfOrders(step, request);
    if (announcement !== undefined) await outboxes.dispatch(announcement);
  }

  /** Nothing is written after this, so it also empties the outbox, where no relay does that. */
  async function tellAll(step: keyof Participant, request: ParticipantRequest): Promise<void> {
    await tell(step, request);
    if (request.strategy === 'message-queue') await outboxes.clear(request.order);
  }

  async function decide(request: DecideRequest): Promise<OrderOutcome> {
    try {
      if (request.status === 'confirmed') await participant.commit(request);
      else await participant.rollback(request as RollbackRequest);
    } catch (error) {
      // Somebody else was faster: a cancel, a reply or the time-out.
      if (!(error instanceof ConcordError) || !OVERTAKEN.includes(error.code)) throw error;
    }
    const { order } = request;
    const record = await orders.findOrder(order.orderId);
    if (record === null || record.status === 'pending' || !sameContent(order, record)) {
      throw new ConcordError('AttemptExpired', { participant: 'orders', orderId: order.orderId });
    }
    const { orderId, status, reason } = record;
    return { orderId, status, ...(reason === undefined ? {} : { reason }) };
  }
}

const OVERTAKEN: readonly FailureCode[] = ['ProtocolViolation', 'AlreadyDecided', 'LeftUndecided'];
