import { CancellationScope } from '@temporalio/workflow';
import type { OrderOutcome, Reason } from '../domain/order.ts';
import { noAnswer } from './order/failures.ts';
import { decideOrder, type Placement, placeAndWait, untilSettled } from './order/order-service.ts';

/**
 * The order service and the inventory exchange messages. Each message is written together with the state that it tells
 * of, handed to a durable mailbox, and answered; the order service commits on yes, and rolls back on no, on a cancel,
 * and on no answer within the budget.
 */
export async function placeByMessages(placement: Placement): Promise<OrderOutcome> {
  const { progress, replies } = placement;
  const answer = await placeAndWait(placement, () => replies.vote !== undefined);
  if (answer.elsewhere !== undefined) return progress.finish(answer.elsewhere);
  const proposal = progress.proposal(answer.refusal ?? refusalIn(placement));

  // From here on nothing can be cancelled, and every message is sent until it is answered.
  return CancellationScope.nonCancellable(async () => {
    const outcome = await decideOrder(placement, proposal);
    await untilSettled(placement, outcome);
    return progress.finish(outcome);
  });
}

function refusalIn({ replies: { vote }, progress }: Placement): Reason | undefined {
  const isYes = vote?.type === 'StockReserved';
  progress.show('inventory', isYes ? 'prepared' : 'refused');
  // Only a yes may ever count as one.
  return isYes ? undefined : (vote?.data.reason ?? noAnswer('inventory'));
}
