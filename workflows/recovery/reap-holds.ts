import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { isCancellation, log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { type Orphan, parseHoldLimit, resolutionStart } from '../../domain/resolution.ts';
import { problemOf, type Skipped } from '../../domain/sweeps.ts';
import { inventory, sweeping } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/order-metrics.ts';
import type { resolveOrder } from './resolve-order.ts';

/** What a sweep has begun to settle, and what it has left alone. */
export interface Reaped {
  readonly orderIds: readonly string[];
  readonly skipped: readonly Skipped[];
}

/**
 * Settles holds that nobody else will: each orphan by a workflow of its own, so that one which can't be settled keeps
 * nobody waiting and shows in `concord stuck`; so does what can't be judged.
 *
 * @param holdLimit How old a hold is before it is looked at: 0 to 365 days, in milliseconds.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function reapHolds(holdLimit: number): Promise<Reaped> {
  const found = await inventory(sweeping)['inventory.findOrphans'](
    asWorkflowFailure(() => parseHoldLimit(holdLimit)),
  );
  const orphans = found.filter((one): one is Orphan => !isSkipped(one));
  const skipped = found.filter(isSkipped);
  const started = await Promise.all(orphans.map((orphan) => startedOrSkipped(orphan, skipped)));
  recordSweep();
  return {
    orderIds: orphans.filter((_, index) => started[index]).map(({ order }) => order.orderId),
    skipped,
  };
}

function isSkipped(found: Orphan | Skipped): found is Skipped {
  return 'problem' in found;
}

/** Whatever keeps one resolution from being started, the others are. */
async function startedOrSkipped(orphan: Orphan, skipped: Skipped[]): Promise<boolean> {
  try {
    return await startResolution(orphan);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { orderId } = orphan.order;
    const problem = `its resolution can't be started: ${problemOf(error)}`;
    log.warn('left alone', { orderId, problem });
    skipped.push({ orderId, problem });
    return false;
  }
}

/** Returns false where somebody else was faster. */
async function startResolution(orphan: Orphan): Promise<boolean> {
  const { order, strategy } = orphan;
  try {
    await startChild<typeof resolveOrder>('resolveOrder', {
      ...resolutionStart(orphan),
      args: [{ order, strategy }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
