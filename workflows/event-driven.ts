import { CancellationScope } from '@temporalio/workflow';
import type { OrderOutcome } from '../domain/order.ts';
import type { Placement } from './order/order-service.ts';
import { adoptRecord, decideOrder, placeAndWait, untilSettled } from './order/order-service.ts';

/**
 * Nobody coordinates: the order service publishes that the order is placed, and the services react to each other's
 * events. This workflow is only the order service's view of its order: it waits until the order is decided, by an event
 * or, on a cancel or when the budget is spent, by the order service, and until the inventory says that it is settled.
 */
export async function placeByEvents(placement: Placement): Promise<OrderOutcome> {
  const { progress, replies } = placement;
  const answer = await placeAndWait(placement, () => replies.outcome !== undefined);
  if (answer.elsewhere !== undefined) return progress.finish(answer.elsewhere);

  return CancellationScope.nonCancellable(async () => {
    // An event may have decided before a cancel could.
    const outcome =
      replies.outcome === undefined
        ? await decideOrder(placement, progress.proposal(answer.refusal))
        : adoptRecord(placement, replies.outcome);
    await untilSettled(placement, outcome);
    return progress.finish(outcome);
  });
}
