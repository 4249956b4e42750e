import { CancellationScope } from '@temporalio/workflow';
import { announcementOfOrders, announcementOfOutcome } from '../../domain/announcements.ts';
import type { OrderOutcome, Reason } from '../../domain/order.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { orders, preparing, settling } from '../contract/activities.ts';
import { refusalOf } from '../contract/participants.ts';
import { noAnswer, outcomeElsewhere, reasonOf } from './failures.ts';
import type { Progress } from './progress.ts';
import type { Replies } from './replies.ts';

/** An order that is being placed, as its strategy gets it. */
export interface Placement {
  readonly request: ParticipantRequest;
  /** How long all attempts to prepare may take together, in milliseconds. */
  readonly prepareBudget: number;
  readonly orders: ReturnType<typeof bindOrderService>;
  readonly progress: Progress;
  readonly replies: Replies;
}

/** The order service, bound to one order: it votes like a participant, and holds the decision. */
export function bindOrderService(request: ParticipantRequest, prepareBudget: number) {
  const { 'orders.decide': decide, 'orders.announce': announce } = orders(settling);
  return {
    name: 'orders',
    prepare: () => orders(preparing(prepareBudget))['orders.prepare'](request),
    /** Puts the outcome on record unless there is one, tells the inventory, and returns what is on record then. */
    decide: (outcome: OrderOutcome) =>
      decide({
        ...request,
        ...(outcome.status === 'confirmed' ? { status: 'confirmed' } : refusalOf(outcome)),
      }),
    /** Tells the inventory once more of the order, or of its outcome. */
    async announceAgain(outcome?: OrderOutcome) {
      const announcement = outcome
        ? announcementOfOutcome(request, outcome)
        : announcementOfOrders('prepare', request);
      if (announcement !== undefined) await announce(announcement);
    },
  };
}

/** Puts the decision on record, unless there is one: that stands, whatever is reset, and nobody is told of another. */
export function decideOrder(placement: Placement, proposal: OrderOutcome): Promise<OrderOutcome> {
  const { orders, progress } = placement;
  progress.show(orders.name, proposal.status === 'confirmed' ? 'committing' : 'rolling-back');
  return orders.decide(proposal).then((outcome) => adoptRecord(placement, outcome));
}

/** Makes what the order service has on record the decision. */
export function adoptRecord({ orders, progress }: Placement, outcome: OrderOutcome): OrderOutcome {
  progress.adopt(outcome);
  progress.show(orders.name, outcome.status === 'confirmed' ? 'committed' : 'rolled-back');
  return outcome;
}

/**
 * Puts the order on record, which tells the inventory of it, and waits for an answer, a cancel, or the budget's end.
 * @returns `refusal`: why the order is refused, if no answer came in time or somebody has cancelled. `elsewhere`: how
 *   the order ends, if the order service has refused it, so that nothing has gone out.
 */
export async function placeAndWait(
  { request, prepareBudget, orders, progress, replies }: Placement,
  isAnswered: () => boolean,
): Promise<{ readonly refusal?: Reason; readonly elsewhere?: OrderOutcome }> {
  const waiting = new CancellationScope();
  progress.onCancel(() => waiting.cancel());
  const startedAt = Date.now();
  try {
    return await waiting.run(async () => {
      await progress.track(orders.name, 'prepare', orders.prepare());
      const left = prepareBudget - (Date.now() - startedAt);
      const inTime = await replies.awaitAnswer(isAnswered, () => orders.announceAgain(), left);
      return inTime ? {} : { refusal: noAnswer('inventory') };
    });
  } catch (error) {
    const elsewhere = outcomeElsewhere(error, request.order.orderId);
    return elsewhere === undefined ? { refusal: reasonOf(error, orders.name) } : { elsewhere };
  }
}

/** Waits until the inventory has carried out the outcome, and shows it. */
export function untilSettled({ orders, progress, replies }: Placement, outcome: OrderOutcome): Promise<void> {
  const isSettled = () => replies.isSettled;
  const settled = replies.awaitAnswer(isSettled, () => orders.announceAgain(outcome)).then(() => {});
  return progress.track('inventory', outcome.status === 'confirmed' ? 'commit' : 'rollback', settled);
}
