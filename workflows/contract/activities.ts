import { type ActivityOptions, scheduleActivity } from '@temporalio/workflow';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import { policies, READ_BUDGET, SWEEP_BUDGET } from '../../domain/policies.ts';
import { summaryOf } from '../../domain/summaries.ts';

// What workflows call, typed by what workers register: `inventory(settling)['inventory.commit'](request)` runs the activity
// of that name, and nothing else than what its implementation takes and returns compiles.

/** The activities of the order service. */
export const orders = (options: ActivityOptions) => callable<OrderActivities>('orders', options);

/** The activities of the inventory. */
export const inventory = (options: ActivityOptions) => callable<InventoryActivities>('inventory', options);

/**
 * The activities that the worker on this task queue registers, each with what the Web UI says of it.
 *
 * @example
 *     const activities = callable<PaymentActivities>('payment', settling);
 *     await activities['payment.commit'](request);
 */
export function callable<Activities extends object>(taskQueue: string, options: ActivityOptions): Activities {
  return new Proxy({} as Activities, {
    get:
      (_, name: string) =>
      (...input: unknown[]) =>
        scheduleActivity(name, input, { taskQueue, summary: summaryOf(name), ...options }),
  });
}

// How they are tried, from the policy table.

/** A vote. @param budget How long all attempts may take together, in milliseconds. */
export function preparing(budget: number): ActivityOptions {
  return { ...optionsOf('prepare'), scheduleToCloseTimeout: budget };
}

/** What must succeed, without limit. */
export const settling = optionsOf('settle');

/** What a person waits for. */
export const reading = { ...optionsOf('read'), scheduleToCloseTimeout: READ_BUDGET };

/** What is done again soon. */
export const sweeping = { ...optionsOf('sweep'), scheduleToCloseTimeout: SWEEP_BUDGET };

/** The row of the policy table, in Temporal's words. */
function optionsOf(kind: keyof typeof policies): ActivityOptions {
  const { attempt, firstRetry, longestRetry } = policies[kind];
  return {
    startToCloseTimeout: attempt,
    retry: { initialInterval: firstRetry, backoffCoefficient: 2, maximumInterval: longestRetry },
  };
}
