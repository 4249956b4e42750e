import { proxyActivities } from '@temporalio/workflow';
import { SWEEP_BUDGET } from '../../domain/policies.ts';
import { parseStuckOptions, type StuckLimits } from '../../domain/stuck-step.ts';
import { asWorkflowFailure } from '../order/failures.ts';
import { recordSweep } from '../order/metrics.ts';
import { optionsOf } from '../order/participants.ts';

type Oversight = { 'orders.tellTroubled'(limits: StuckLimits): Promise<string[]> };

const oversight = proxyActivities<Oversight>({
  taskQueue: 'orders',
  ...optionsOf('sweep', 'orders.tellTroubled'),
  scheduleToCloseTimeout: SWEEP_BUDGET,
});

/**
 * Tells orders that don't get on what is wrong with them: a workflow can't see how its own activities fail. One that gets
 * on is not even looked at.
 *
 * @returns The ids of those that were told.
 * @throws ApplicationFailure `InvalidInput`
 */
export async function watchOrders(limits: Partial<StuckLimits> = {}): Promise<readonly string[]> {
  const told = await oversight['orders.tellTroubled'](asWorkflowFailure(() => parseStuckOptions(limits)));
  recordSweep();
  return told;
}
