import { parseStuckOptions, type StuckLimits } from '../../domain/stuck-step.ts';
import { orders, sweeping } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/order-metrics.ts';

/**
 * Tells orders which of their steps are stuck: a workflow can't see how its own activities fail. Orders without stuck
 * steps are not looked at.
 *
 * @returns The ids of those that were told.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function watchOrders(limits: Partial<StuckLimits> = {}): Promise<readonly string[]> {
  const valid = asWorkflowFailure(() => parseStuckOptions(limits));
  const told = await orders(sweeping)['orders.tellStuckOrders'](valid);
  recordSweep();
  return told;
}
