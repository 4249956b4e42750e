import { CancellationScope } from '@temporalio/workflow';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import { noAnswer } from './order/failures.ts';
import {
  bindOrderService,
  decideOrder,
  INVENTORY,
  placeAndWait,
  untilSettled,
} from './order/order-service.ts';
import type { Progress } from './order/progress.ts';
import type { Replies } from './order/replies.ts';

/**
 * The order service and the inventory exchange messages. Each message is written together with the state that it tells
 * of, handed to a durable mailbox, and answered; the order service commits on yes, and rolls back on no, on a cancel,
 * and on no answer within the budget.
 */
export async function placeByMessages(
  request: ParticipantRequest,
  prepareBudget: number,
  progress: Progress,
  replies: Replies,
): Promise<OrderOutcome> {
  const orders = bindOrderService(request, prepareBudget);
  const isAnswered = () => replies.vote !== undefined;

  const answer = await placeAndWait(orders, replies, { isAnswered, request, prepareBudget, progress });
  if (answer.elsewhere !== undefined) return progress.finish(answer.elsewhere);
  const proposal = progress.proposal(answer.refusal ?? refusalIn(replies, progress));

  // From here on nothing can be cancelled, and every message is sent until it is answered.
  return CancellationScope.nonCancellable(async () => {
    const outcome = await decideOrder(orders, proposal, progress);
    await untilSettled(orders, replies, { outcome, progress });
    return progress.finish(outcome);
  });
}

function refusalIn({ vote }: Replies, progress: Progress): Reason | undefined {
  const isYes = vote?.type === 'StockReserved';
  progress.show(INVENTORY, isYes ? 'prepared' : 'refused');
  // Only a yes may ever count as one.
  return isYes ? undefined : (vote?.data.reason ?? noAnswer(INVENTORY.name));
}
