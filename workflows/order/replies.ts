import { condition, sleep } from '@temporalio/workflow';
import { type Announcement, parseAnnouncement } from '../../domain/announcements.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import { parseOutcome } from '../../domain/order-record.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { RESEND } from '../../domain/policies.ts';
import { validOrNothing } from './failures.ts';

/**
 * The replies to an order's workflow, which may come twice, late, and in any order. Anyone may send a signal, so
 * replies that are malformed or of another order are dropped; those that are well formed are believed (SECURITY.md).
 */
export class Replies {
  /** The inventory's vote, `StockReserved` or `StockRejected`. */
  vote: Announcement | undefined;
  /** The outcome on record, in `event-driven`. */
  outcome: OrderOutcome | undefined;
  /** True once the inventory has carried out the decision. */
  isSettled = false;

  private readonly request: ParticipantRequest;
  private timer: { readonly endsAt: number; readonly ended: Promise<void> } | undefined;

  constructor(request: ParticipantRequest) {
    this.request = request;
  }

  hear(input: unknown): void {
    const { order, coordinatorId } = this.request;
    const reply = validOrNothing(parseAnnouncement, input);
    if (reply?.data.coordinatorId !== coordinatorId || reply.subject !== order.orderId) return;
    // The inventory always says why it refuses.
    const isVote = reply.type === 'StockReserved' || (reply.type === 'StockRejected' && reply.data.reason);
    if (isVote) this.vote ??= reply;
    else if (reply.type === 'StockSold' || reply.type === 'StockReleased') this.isSettled = true;
  }

  hearRecord(input: unknown): void {
    const outcome = validOrNothing(parseOutcome, input);
    if (outcome?.orderId === this.request.order.orderId) this.outcome ??= outcome;
  }

  /** Returns false if no answer came within so many milliseconds. Says all again at times: a mailbox can be ended by hand. */
  async awaitAnswer(
    isAnswered: () => boolean,
    sayAgain: () => Promise<void>,
    budget = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    let left = budget;
    for (let wait: number = RESEND.first; left > 0; wait = Math.min(RESEND.longest, wait * 2)) {
      const since = Date.now();
      await this.withLimit(isAnswered, Math.min(wait, left));
      if (isAnswered()) return true;
      left -= Date.now() - since;
      if (left > 0) await sayAgain();
    }
    return isAnswered();
  }

  /** Like `condition` with a time limit, at half the cost: a timer that is not up serves the next wait, unless it is shorter. */
  private withLimit(isMet: () => boolean, limit: number): Promise<void> {
    const now = Date.now();
    let isTimeUp = false;
    if (this.timer === undefined || this.timer.endsAt > now + limit)
      this.timer = { endsAt: now + limit, ended: sleep(limit, ANSWER_TIMER) };
    const timeUp = () => {
      isTimeUp = true;
      this.timer = undefined;
    };
    this.timer.ended.then(timeUp, timeUp);
    return condition(() => isTimeUp || isMet());
  }
}

const ANSWER_TIMER = { summary: 'How long to wait for an answer before saying it again, or giving up' };
