import { CancellationScope } from '@temporalio/workflow';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import { noAnswer } from './order/failures.ts';
import { bindOrderService, INVENTORY, placeAndWait, stepOf, untilSettled } from './order/order-service.ts';
import type { Progress } from './order/progress.ts';
import { Replies } from './order/replies.ts';

/**
 * The order service and the inventory exchange messages. Each message is written together with the state that it tells
 * of, handed to a durable mailbox, and answered; the order service commits on yes, and rolls back on no, on a cancel,
 * and on no answer within the budget.
 */
export async function placeByMessages(
  request: ParticipantRequest,
  prepareBudget: number,
  progress: Progress,
): Promise<OrderOutcome> {
  const orders = bindOrderService(request, prepareBudget);
  const replies = new Replies(request);
  const hasVoted = () => replies.vote !== undefined;

  const answer = await placeAndWait(orders, hasVoted, { request, prepareBudget, progress });
  if (answer.elsewhere !== undefined) return progress.finish(answer.elsewhere);
  const decision = progress.decide(answer.refusal ?? refusalIn(replies, progress));

  // A decision is final: from here on nothing can be cancelled, and every message is sent until it is answered.
  return CancellationScope.nonCancellable(async () => {
    await progress.track(orders, stepOf(decision), orders.settle(decision));
    await untilSettled(orders, replies, { outcome: decision, progress });
    return progress.finish(decision);
  });
}

function refusalIn({ vote }: Replies, progress: Progress): Reason | undefined {
  const isYes = vote?.type === 'StockReserved';
  progress.show(INVENTORY, isYes ? 'prepared' : 'refused');
  // Only a yes may ever count as one.
  return isYes ? undefined : (vote?.data.reason ?? noAnswer(INVENTORY.name));
}
