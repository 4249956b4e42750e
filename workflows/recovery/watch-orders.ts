import { parseStuckOptions, type StuckLimits } from '../../domain/stuck-step.ts';
import { orders, sweeping } from '../contract/activities.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/order-metrics.ts';

/**
 * Tells orders which of their steps are stuck, because a workflow can't see how its own activities fail. Orders without
 * stuck steps are not looked at. It also publishes what was left behind in the outboxes of orders.
 * @returns The orders that were told, and what can't be published.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function watchOrders(limits: Partial<StuckLimits> = {}) {
  const valid = asWorkflowFailure(() => parseStuckOptions(limits));
  const activities = orders(sweeping);
  const [orderIds, skipped] = await Promise.all([
    activities['orders.tellStuckOrders'](valid),
    activities['orders.publishLeftBehind'](),
  ]);
  recordSweep();
  return { orderIds, skipped };
}
