import { parseStuckOptions, type StuckLimits } from '../../domain/stuck-step.ts';
import { orders, sweeping } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/order-metrics.ts';

/**
 * Tells orders which of their steps are stuck, because a workflow can't see how its own activities fail, and returns
 * their ids. Orders without stuck steps are not looked at. @throws ApplicationFailure `InvalidInput`
 */
export async function watchOrders(limits: Partial<StuckLimits> = {}): Promise<readonly string[]> {
  const valid = asWorkflowFailure(() => parseStuckOptions(limits));
  const told = await orders(sweeping)['orders.tellStuckOrders'](valid);
  recordSweep();
  return told;
}
