import { parseStuckOptions, type StuckLimits } from '../../domain/stuck-step.ts';
import { orders, sweeping } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/order-metrics.ts';

/**
 * Tells orders which steps of theirs are stuck: a workflow can't see how its own activities fail. An order that is well is
 * not even looked at.
 *
 * @returns The ids of those that were told.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function watchOrders(limits: Partial<StuckLimits> = {}): Promise<readonly string[]> {
  const told = await orders(sweeping)['orders.tellStuckOrders'](
    asWorkflowFailure(() => parseStuckOptions(limits)),
  );
  recordSweep();
  return told;
}
