import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyActivities, startChild, WorkflowIdReusePolicy } from '@temporalio/workflow';
import { orderDetails, resolutionSummary } from '../../domain/order-text.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { type Orphan, parseHoldLimit, resolutionIdOf } from '../../domain/resolution.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { optionsOf } from '../order/participants.ts';
import type { resolveOrder } from './resolve-order.ts';

type Reaping = { 'inventory.findOrphans'(holdLimit: number): Promise<Orphan[]> };

const reaper = proxyActivities<Reaping>({
  taskQueue: 'inventory',
  ...optionsOf('sweep', 'inventory.findOrphans'),
});

/** What a sweep has begun to settle. */
export interface Reaped {
  readonly orderIds: readonly string[];
}

/**
 * Settles holds that nobody else will: each orphan by a workflow of its own, so that one which can't be settled keeps
 * nobody waiting and shows in `concord stuck`.
 *
 * @param holdLimit How old a hold is before it is looked at: 0 to 365 days, in milliseconds.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function reapHolds(holdLimit: number): Promise<Reaped> {
  const orphans = await reaper['inventory.findOrphans'](asWorkflowFailure(() => parseHoldLimit(holdLimit)));
  const started = await Promise.all(orphans.map(startResolution));
  return { orderIds: orphans.filter((_, index) => started[index]).map(({ order }) => order.orderId) };
}

/** Returns false where somebody else was faster. */
async function startResolution({ order, strategy, coordinator }: Orphan): Promise<boolean> {
  const { orderId } = order;
  const identity =
    coordinator === 'unknown'
      ? { workflowId: workflowIdOf(orderId), workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE }
      : { workflowId: resolutionIdOf(orderId) };
  try {
    await startChild<typeof resolveOrder>('resolveOrder', {
      ...identity,
      taskQueue: 'orders',
      staticSummary: resolutionSummary(order),
      staticDetails: orderDetails(order, strategy),
      args: [{ order, strategy }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
