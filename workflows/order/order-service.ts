import { CancellationScope } from '@temporalio/workflow';
import { announcementOfOrders, announcementOfOutcome } from '../../domain/announcements.ts';
import type { OrderOutcome, Reason } from '../../domain/order.ts';
import type { DecideRequest, ParticipantRequest } from '../../domain/participant.ts';
import { orders, preparing, settling } from '../contract/activities.ts';
import { refusalOf } from './bound-participants.ts';
import { noAnswer, outcomeElsewhere, reasonOf } from './failures.ts';
import type { Progress } from './progress.ts';
import { awaitAnswer, type Replies } from './replies.ts';

/** The order service, bound to one order: it votes like a participant, and holds the decision. */
export interface OrderService {
  readonly name: string;
  /** Puts the order on record; where the services tell each other, it tells the inventory of it. */
  prepare(): Promise<void>;
  /** Puts the outcome on record unless there is one, and returns what is on record then; and tells, as `prepare`. */
  decide(outcome: OrderOutcome): Promise<OrderOutcome>;
  /** Tells the inventory once more of the order, or of its outcome. */
  announceAgain(outcome?: OrderOutcome): Promise<void>;
}

/** @param prepareBudget How long all attempts to prepare may take together, in milliseconds. */
export function bindOrderService(request: ParticipantRequest, prepareBudget: number): OrderService {
  const activities = orders(settling);
  return {
    name: 'orders',
    prepare: () => orders(preparing(prepareBudget))['orders.prepare'](request),
    decide: (outcome) => activities['orders.decide'](decideRequest(request, outcome)),
    async announceAgain(outcome) {
      const announcement =
        outcome === undefined
          ? announcementOfOrders('prepare', request)
          : announcementOfOutcome(request, outcome);
      if (announcement !== undefined) await activities['orders.announce'](announcement);
    },
  };
}

/**
 * Takes the decision and puts it on record. What is on record then is the decision: it stands, however often this workflow
 * is reset and whoever resolves the order, and nobody is told of another one.
 */
export function decideOrder(
  orders: OrderService,
  proposal: OrderOutcome,
  progress: Progress,
): Promise<OrderOutcome> {
  progress.show(orders, proposal.status === 'confirmed' ? 'committing' : 'rolling-back');
  return orders.decide(proposal).then((outcome) => adoptRecord(orders, outcome, progress));
}

/** What the order service has on record is the decision. */
export function adoptRecord(orders: OrderService, outcome: OrderOutcome, progress: Progress): OrderOutcome {
  progress.adopt(outcome);
  progress.show(orders, outcome.status === 'confirmed' ? 'committed' : 'rolled-back');
  return outcome;
}

/** What came of telling the inventory of an order. */
export interface Answer {
  /** Why the order is refused; nothing where it was answered in time, and nobody has cancelled. */
  readonly refusal?: Reason;
  /** Present where the order service has refused: nothing has gone out, and this is how the order ends. */
  readonly elsewhere?: OrderOutcome;
}

/** Puts the order on record, which tells the inventory of it, and waits for an answer, a cancel, or the budget's end. */
export async function placeAndWait(
  orders: OrderService,
  replies: Replies,
  {
    isAnswered,
    request,
    prepareBudget,
    progress,
  }: {
    isAnswered: () => boolean;
    request: ParticipantRequest;
    prepareBudget: number;
    progress: Progress;
  },
): Promise<Answer> {
  const waiting = new CancellationScope();
  progress.onCancel(() => waiting.cancel());
  const startedAt = Date.now();
  try {
    return await waiting.run(async () => {
      await progress.track(orders, 'prepare', orders.prepare());
      const left = prepareBudget - (Date.now() - startedAt);
      const inTime = await awaitAnswer(replies, isAnswered, () => orders.announceAgain(), left);
      return inTime ? {} : { refusal: noAnswer('inventory') };
    });
  } catch (error) {
    const elsewhere = outcomeElsewhere(error, request.order.orderId);
    return elsewhere === undefined ? { refusal: reasonOf(error, orders.name) } : { elsewhere };
  }
}

/** Waits until the inventory has carried out the outcome, and shows it. */
export function untilSettled(
  orders: OrderService,
  replies: Replies,
  { outcome, progress }: { outcome: OrderOutcome; progress: Progress },
): Promise<void> {
  const isSettled = () => replies.isSettled;
  const settled = awaitAnswer(replies, isSettled, () => orders.announceAgain(outcome)).then(() => {});
  return progress.track(INVENTORY, stepOf(outcome), settled);
}

/** Who is told, and does its part. */
export const INVENTORY = { name: 'inventory' } as const;

export function stepOf({ status }: Pick<OrderOutcome, 'status'>): 'commit' | 'rollback' {
  return status === 'confirmed' ? 'commit' : 'rollback';
}

function decideRequest(request: ParticipantRequest, outcome: OrderOutcome): DecideRequest {
  return outcome.status === 'confirmed'
    ? { ...request, status: 'confirmed' }
    : { ...request, ...refusalOf(outcome) };
}
