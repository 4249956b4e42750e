import { CancellationScope } from '@temporalio/workflow';
import type { OrderOutcome } from '../domain/order.ts';
import type { ParticipantRequest } from '../domain/participant.ts';
import {
  adoptRecord,
  bindOrderService,
  decideOrder,
  placeAndWait,
  untilSettled,
} from './order/order-service.ts';
import type { Progress } from './order/progress.ts';
import type { Replies } from './order/replies.ts';

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
  replies: Replies,
): Promise<OrderOutcome> {
  const orders = bindOrderService(request, prepareBudget);
  const isAnswered = () => replies.outcome !== undefined;

  const answer = await placeAndWait(orders, replies, { isAnswered, request, prepareBudget, progress });
  if (answer.elsewhere !== undefined) return progress.finish(answer.elsewhere);

  return CancellationScope.nonCancellable(async () => {
    // An event may have decided before a cancel could.
    const outcome =
      replies.outcome === undefined
        ? await decideOrder(orders, progress.proposal(answer.refusal), progress)
        : adoptRecord(orders, replies.outcome, progress);
    await untilSettled(orders, replies, { outcome, progress });
    return progress.finish(outcome);
  });
}
