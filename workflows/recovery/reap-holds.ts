import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { isCancellation, log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { type Orphan, parseHoldLimit, resolutionStart } from '../../domain/resolution.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import { inventory, sweeping } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/order-metrics.ts';
import type { resolveOrder } from './resolve-order.ts';

/**
 * Settles holds that nobody else will: each orphan by a workflow of its own, so that one which can't be settled keeps
 * nobody waiting and shows in `concord stuck`; so does what is damaged. It also publishes what was left behind in the
 * outboxes of reservations.
 * @returns The orders that it has begun to settle, and what it has left alone.
 * @param holdLimit How old a hold is before it is looked at: 0 to 365 days, in milliseconds.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function reapHolds(holdLimit: number) {
  const limit = asWorkflowFailure(() => parseHoldLimit(holdLimit));
  const activities = inventory(sweeping);
  const found = await activities['inventory.findOrphans'](limit);
  const orphans = found.filter((one): one is Orphan => !('problem' in one));
  const skipped = found.filter((one) => 'problem' in one);
  const started = await Promise.all(orphans.map((orphan) => startResolution(orphan, skipped)));
  // Last: if this fails, all holds are settled that can be.
  skipped.push(...(await activities['inventory.publishLeftBehind']()));
  recordSweep();
  return { orderIds: started.filter((orderId) => orderId !== undefined), skipped };
}

/** Returns the order's id, unless somebody else was faster, or it can't be started, which keeps no other from it. */
async function startResolution(orphan: Orphan, skipped: Skipped[]): Promise<string | undefined> {
  const { order, strategy } = orphan;
  const { orderId } = order;
  try {
    await startChild<typeof resolveOrder>('resolveOrder', {
      ...resolutionStart(orphan),
      args: [{ order, strategy }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return orderId;
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    const problem = `its resolution can't be started: ${problemOf(error)}`;
    log.warn('left alone', { orderId, problem });
    skipped.push({ orderId, problem });
    return undefined;
  }
}
