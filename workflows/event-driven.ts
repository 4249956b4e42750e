import { CancellationScope } from '@temporalio/workflow';
import type { OrderOutcome } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import { bindOrderService, placeAndWait, untilSettled } from './order/order-service.ts';
import type { Progress } from './order/progress.ts';
import { Replies } from './order/replies.ts';

/**
 * Nobody coordinates: the order service publishes that the order is placed, and the services react to each other's
 * events. This workflow is only the order service's own view of its order. It asks nobody for anything: it waits until
 * the order is decided, by an event or, on a cancel or when the budget is spent, by the order service itself, and until
 * an event says that the stock is settled.
 */
export async function placeByEvents(
  request: ParticipantRequest,
  prepareBudget: number,
  progress: Progress,
): Promise<OrderOutcome> {
  const orders = bindOrderService(request, prepareBudget);
  const replies = new Replies(request);
  const isDecided = () => replies.outcome !== undefined;

  const answer = await placeAndWait(orders, isDecided, { request, prepareBudget, progress });
  if (answer.elsewhere !== undefined) return progress.finish(answer.elsewhere);

  return CancellationScope.nonCancellable(async () => {
    // The order's document decides: a reply that came just before a cancel is on record already.
    const outcome = replies.outcome ?? (await orders.decide(progress.proposal(answer.refusal)));
    progress.adopt(outcome);
    progress.show(orders, outcome.status === 'confirmed' ? 'committed' : 'rolled-back');
    await untilSettled(orders, replies, { outcome, progress });
    return progress.finish(outcome);
  });
}
